"""Name the system libraries that Mezzotint needs and this machine lacks; install them if allowed.

    python3 packaging/system_libraries.py [--with-tests] [--install]

Stdlib only: it runs before anything is installed. Prints nothing when all is there. What is missing is named
in one line with the command that installs it; `--install` runs that on Debian and its kin when root.
Exit status: 0 all there (or installed), 1 something is missing.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

APT_TIMEOUT_S = 600


@dataclass(frozen=True)
class Need:
    """What must be on the machine: a shared library (`lib...so.N`), `ensurepip`, or a program on PATH."""

    name: str
    debian_package: str
    for_tests_only: bool = False

    def is_there(self) -> bool:
        if self.name == "ensurepip":
            return importlib.util.find_spec("ensurepip") is not None
        if ".so" not in self.name:
            return shutil.which(self.name) is not None
        try:
            # Loading is the only test that also finds libraries outside ldconfig's cache.
            ctypes.CDLL(self.name)
        except OSError:
            return False
        return True


# Qt's wheels bring Qt itself; these it loads from the system (`ldd` on libQt6XcbQpa and libQt6Gui). When one
# of the xcb ones is missing, Qt ends the process at start.
NEEDS = (
    Need("ensurepip", f"python3.{sys.version_info.minor}-venv"),  # Debian's Python comes without it
    Need("libEGL.so.1", "libegl1"),
    Need("libGL.so.1", "libgl1"),
    Need("libglib-2.0.so.0", "libglib2.0-0"),
    Need("libdbus-1.so.3", "libdbus-1-3"),
    Need("libfontconfig.so.1", "libfontconfig1"),
    Need("libX11-xcb.so.1", "libx11-xcb1"),
    Need("libxkbcommon.so.0", "libxkbcommon0"),
    Need("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    Need("libxcb-cursor.so.0", "libxcb-cursor0"),
    Need("libxcb-icccm.so.4", "libxcb-icccm4"),
    Need("libxcb-image.so.0", "libxcb-image0"),
    Need("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    Need("libxcb-render-util.so.0", "libxcb-render-util0"),
    Need("libxcb-shape.so.0", "libxcb-shape0"),
    Need("libxcb-xkb.so.1", "libxcb-xkb1"),
    Need("Xvfb", "xvfb", for_tests_only=True),
    Need("xdotool", "xdotool", for_tests_only=True),
)


def missing(*, with_tests: bool) -> list[Need]:
    """The needs this machine does not meet; none on systems where Qt brings everything (macOS, Windows)."""
    if not sys.platform.startswith("linux"):
        return []
    return [need for need in NEEDS if (with_tests or not need.for_tests_only) and not need.is_there()]


def apt_command(needs: list[Need]) -> list[str]:
    return ["apt-get", "install", "-y", "--no-install-recommends", *(need.debian_package for need in needs)]


def can_install() -> bool:
    """Root on Debian or a system made from it."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def install(needs: list[Need]) -> bool:
    """Install with apt-get; True when everything is there afterwards."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], [*apt_command(needs), "-qq"]):
        try:
            done = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, timeout=APT_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        # A stale or unreachable list does not have to stop the installation: the packages may be cached.
        if done.returncode != 0 and command[1] == "install":
            return False
    return not any(not need.is_there() for need in needs)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check the system libraries that Mezzotint needs.")
    parser.add_argument("--with-tests", action="store_true", help="also what the window tests need")
    parser.add_argument("--install", action="store_true", help="install what is missing, when root on Debian")
    options = parser.parse_args(arguments)
    needs = missing(with_tests=options.with_tests)
    if needs and options.install and can_install() and install(needs):
        return 0
    if needs:
        names = ", ".join(need.name for need in needs)
        print(
            f"Missing on this system: {names}. Install: sudo {' '.join(apt_command(needs))}", file=sys.stderr
        )
    return 1 if needs else 0


if __name__ == "__main__":
    raise SystemExit(main())
