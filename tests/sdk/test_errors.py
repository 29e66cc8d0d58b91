from __future__ import annotations

import pytest

from mezzotint_sdk import errors
from mezzotint_sdk.errors import ErrorInfo, MezzotintError, ModelDamagedError, error_from_info


def _all_errors(root: type[MezzotintError]) -> list[type[MezzotintError]]:
    """The SDK's own; other rooms may add kinds of theirs, which arrive as the base class."""
    children = [child for child in root.__subclasses__() if child.__module__ == errors.__name__]
    return [root, *(found for child in children for found in _all_errors(child))]


@pytest.mark.parametrize("kind", _all_errors(MezzotintError))
def test_every_error_survives_the_wire_as_the_same_class(kind: type[MezzotintError]) -> None:
    back = error_from_info(kind("What is wrong.", "the long text").info())
    assert type(back) is kind
    assert (back.message, back.detail) == ("What is wrong.", "the long text")


def test_codes_are_unique_and_in_the_drawn_tree() -> None:
    kinds = _all_errors(MezzotintError)
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)


def test_a_code_of_a_newer_version_gives_the_base_class() -> None:
    back = error_from_info(ErrorInfo("from_the_future", "Something new."))
    assert type(back) is MezzotintError
    assert str(back) == "Something new."


def test_families_can_be_caught_together() -> None:
    with pytest.raises(errors.ModelError):
        raise error_from_info(ModelDamagedError("Truncated.").info())
