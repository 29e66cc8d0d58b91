"""`mezzotint --version` and `--help` answer at once: nothing heavy is imported for them.

How long they take is measured by `make bench`; here is what makes it so.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mezzotint_sdk.version import __version__

HEAVY = ("torch", "diffusers", "transformers", "numpy", "zmq", "msgspec", "psutil", "rich", "PySide6", "PIL")

# Runs a command's entry point as its script does, and then says what came along.
RUN_AND_LIST = """
import importlib, sys
module, *sys.argv[1:] = sys.argv[1:]
status = 0
try:
    status = importlib.import_module(module).main()
except SystemExit as end:
    status = end.code
print("status:", status or 0)
print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""

ENTRY_POINTS = {"mezzotint": "mezzotint_app.bootstrap", "mezzotint-engine": "mezzotint_engine.__main__"}


@pytest.mark.parametrize("option", ["--version", "--help"])
@pytest.mark.parametrize("command", ENTRY_POINTS)
def test_nothing_heavy_is_imported(command: str, option: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_LIST, ENTRY_POINTS[command], option],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    *_, status, imported = done.stdout.splitlines()
    assert status == "status: 0", done.stdout + done.stderr
    assert not set(HEAVY) & set(imported.split()), imported


@pytest.mark.parametrize("command", ENTRY_POINTS)
def test_the_installed_command_says_its_version(command: str) -> None:
    script = Path(sys.executable).with_name(command)
    done = subprocess.run(
        [str(script), "--version"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    assert __version__ in done.stdout
    assert not done.stderr
