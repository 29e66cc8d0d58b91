"""Every module of every room is imported for real, in a process where what it must not know is blocked.

The linter in `make check` reads import statements; this also sees what a library imports lazily, what comes
through `importlib`, or behind a condition. One process a room: modules are found by walking the package, so a
new file is covered from the moment it exists.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

# Runs in the child. Blocks names (or everything but some names), walks the package, imports each module, and
# prints {"imported": n, "failures": {module: error}}.
IMPORT_ALL = r"""
import importlib, importlib.util, json, pkgutil, sys

rule = json.loads(sys.argv[1])
blocked, only, skipped = set(rule["blocked"]), set(rule["only"]), tuple(rule["skipped"])

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in blocked:
            raise ImportError(f"{name} must not be imported here")
        if only and top not in only and top not in sys.stdlib_module_names:
            raise ImportError(f"{name} must not be imported here: only {sorted(only)} and the stdlib")
        return None

sys.meta_path.insert(0, Blocker())

def modules(name):
    # find_spec, not import: a package whose own __init__ breaks the rule must be reported, not crash the walk
    spec = importlib.util.find_spec(name)
    if spec is None or name.startswith(skipped) or name.endswith(".__main__"):
        return
    yield name
    for location in spec.submodule_search_locations or ():
        for info in pkgutil.iter_modules([location]):
            yield from modules(f"{name}.{info.name}")

found, failures = 0, {}
for room in rule["rooms"]:
    try:
        if importlib.util.find_spec(room) is None:
            continue
        names = list(modules(room))
    except ImportError as error:
        failures[room] = str(error)
        continue
    for name in names:
        try:
            importlib.import_module(name)
            found += 1
        except Exception as error:
            failures[name] = f"{type(error).__name__}: {error}"
print(json.dumps({"imported": found, "failures": failures}))
"""

TORCH = ["torch", "diffusers", "transformers", "accelerate", "safetensors"]
QT = ["PySide6", "PySide6QtAds", "shiboken6", "pyqtgraph", "qtawesome", "qtpy"]


@dataclass(frozen=True)
class Rule:
    """Some rooms, and what can't be imported while their modules are."""

    rooms: list[str]
    blocked: list[str] = field(default_factory=list)
    only: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


RULES = {
    "app without torch": Rule(["mezzotint_app"], blocked=[*TORCH, "mezzotint_engine"]),
    "server without torch and Qt": Rule(
        ["mezzotint_engine.server", "mezzotint_engine.models.catalog"], blocked=[*TORCH, *QT, "mezzotint_app"]
    ),
    "SDK on stdlib, msgspec and numpy": Rule(["mezzotint_sdk"], only=["mezzotint_sdk", "msgspec", "numpy"]),
    "command line and client without Qt": Rule(
        ["mezzotint_app.cli", "mezzotint_app.client"],
        blocked=[*QT, *TORCH, "mezzotint_engine"],
        skipped=["mezzotint_app.client.qt_bridge"],
    ),
    "worker without Qt and sqlite": Rule(
        ["mezzotint_engine.worker"], blocked=[*QT, "sqlite3", "_sqlite3", "mezzotint_app"]
    ),
}


def import_all(rule: Rule) -> tuple[int, dict[str, str]]:
    """How many modules were imported under the rule, and those that were not, with the reason."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, json.dumps(rule.__dict__)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["imported"], answer["failures"]


@pytest.mark.parametrize("name", RULES)
def test_rooms_import_without_what_they_must_not_know(name: str) -> None:
    imported, failures = import_all(RULES[name])
    assert not failures, "\n".join(f"{module}: {reason}" for module, reason in failures.items())
    assert imported, f"no module found in {RULES[name].rooms}"


def test_a_forbidden_import_is_noticed() -> None:
    imported, failures = import_all(Rule(["mezzotint_sdk"], blocked=["msgspec"]))
    assert imported
    assert "msgspec must not be imported here" in " ".join(failures.values())
