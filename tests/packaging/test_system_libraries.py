"""Missing system libraries are named in one line with the command that installs them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging" / "system_libraries.py"


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, needing one library that no machine has, on a machine where we are not root."""
    spec = importlib.util.spec_from_file_location("system_libraries", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "system_libraries", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(module, "can_install", lambda: False)
    needs = (module.Need("libc.so.6", "libc6"), module.Need("libmezzonothing.so.9", "libmezzonothing9"))
    monkeypatch.setattr(module, "NEEDS", needs)
    return module


@pytest.fixture
def apt_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `apt-get` on PATH that only writes down what it was asked."""
    log = tmp_path / "apt.log"
    log.touch()
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return log


def test_what_is_missing_is_named_in_one_line(
    checker: ModuleType, apt_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checker.main(["--install"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Missing on this system: libmezzonothing.so.9." in line
    assert line.endswith("sudo apt-get install -y --no-install-recommends libmezzonothing9")
    assert apt_log.read_text() == ""


def test_root_on_debian_installs(
    checker: ModuleType, apt_log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checker, "can_install", lambda: True)
    # Our apt-get installs nothing, so the library is still said to be missing.
    assert checker.main(["--install"]) == 1
    update, install = apt_log.read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install -y --no-install-recommends libmezzonothing9")
    assert "libmezzonothing.so.9" in capsys.readouterr().err


def test_nothing_is_said_when_all_is_there(
    checker: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checker, "NEEDS", checker.NEEDS[:1])
    assert checker.main([]) == 0
    assert capsys.readouterr() == ("", "")


def test_tools_for_window_tests_are_asked_for_only_with_tests(
    checker: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = checker.Need("mezzo-no-such-tool", "nothing", for_tests_only=True)
    monkeypatch.setattr(checker, "NEEDS", (tool,))
    assert checker.missing(with_tests=False) == []
    assert checker.missing(with_tests=True) == [tool]
