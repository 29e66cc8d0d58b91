"""The guards themselves: a test that leaks fails, one that tidies up passes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]

CONFTEST = """
pytest_plugins = [
    "tests.guards.isolated_home", "tests.guards.log_guard", "tests.guards.process_guard",
    "tests.guards.socket_guard", "tests.guards.thread_guard", "tests.guards.timer_guard",
]

def pytest_configure(config):
    from tests.guards import process_guard, socket_guard, thread_guard
    for guard in (process_guard, socket_guard, thread_guard):
        guard.GRACE_S = 0.3
"""

LEAKS = """
import logging, os, socket, subprocess, sys, threading, warnings
import pytest

kept = []

def test_leaves_a_thread():
    thread = threading.Thread(target=threading.Event().wait, name="left-behind", daemon=True)
    thread.start()

def test_leaves_a_child():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

def test_leaves_an_orphan():
    # The process in between ends; what it started lives on in this test's home.
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])"
    subprocess.run([sys.executable, "-c", code], check=True)

@pytest.fixture(scope="module")
def engine():
    return subprocess.Popen([sys.executable, "-c", "input('shared')"], stdin=subprocess.PIPE)

def test_shares_what_never_ends(engine):
    kept.append(engine)

def test_leaves_a_tcp_listener():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_leaves_a_unix_listener(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    kept.append(listener)

def test_logs_a_warning():
    logging.getLogger("some.topic").warning("the plate is dry")

def test_warns():
    warnings.warn("old ink")

def test_leaves_a_timer(qapp):
    from PySide6.QtCore import QTimer
    timer = QTimer()
    timer.start(10_000)
    kept.append(timer)

def test_makes_qt_complain(qapp):
    from PySide6.QtCore import qWarning
    qWarning("the press is stuck")
"""

TIDY = """
import logging, os, socket, subprocess, sys, threading
import pytest

def test_joins_its_thread():
    threading.Thread(target=int).start()

def test_ends_its_child():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_closes_its_listener():
    socket.create_server(("127.0.0.1", 0)).close()

@pytest.mark.allow_logs("plate is dry")
def test_expects_a_warning():
    logging.getLogger("some.topic").warning("the plate is dry")

def test_reads_its_own_records(caplog):
    logging.getLogger("some.topic").warning("the plate is dry")
    assert "dry" in caplog.text

def test_stops_its_timer(qapp):
    from PySide6.QtCore import QTimer
    timer = QTimer()
    timer.start(10_000)
    timer.stop()

def test_drops_a_widget_with_a_timer(qtbot):
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QWidget
    widget = QWidget()
    qtbot.addWidget(widget)
    QTimer(widget).start(10_000)

def test_lives_in_a_home_of_its_own(mezzotint_home):
    assert os.environ["MEZZOTINT_HOME"] == str(mezzotint_home)
    assert not list(mezzotint_home.iterdir())
    assert len(str(mezzotint_home)) < 60
    assert os.path.expanduser("~").startswith(str(mezzotint_home.parent))
"""


def run_guarded(folder: Path, source: str) -> tuple[list[str], str]:
    """Run tests in a pytest of their own, under the project's settings and all guards.

    Returns the summary lines that name a failure, and all that was printed.
    """
    (folder / "conftest.py").write_text(CONFTEST)
    file = folder / "test_inner.py"
    file.write_text(source)
    options = ["-c", str(REPOSITORY / "pyproject.toml"), "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(file)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=100,
        check=False,
    )
    failures = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failures, done.stdout + done.stderr


@pytest.fixture(scope="module")
def leaking_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str]:
    return run_guarded(tmp_path_factory.mktemp("leaks"), LEAKS)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("test_leaves_a_thread", "threads left running by this test: left-behind (daemon)"),
        ("test_leaves_a_child", "input()"),
        ("test_leaves_an_orphan", "signal.pause()"),
        ("test_makes_qt_complain", "processes left running by a fixture of module or session scope"),
        ("test_leaves_a_tcp_listener", "sockets left open by this test: tcp port"),
        ("test_leaves_a_unix_listener", "sockets left open by this test: unix"),
        ("test_logs_a_warning", "some.topic: the plate is dry [WARNING]"),
        ("test_warns", "UserWarning: old ink"),
        ("test_leaves_a_timer", "QTimers still active after this test"),
        ("test_makes_qt_complain", "the press is stuck"),
    ],
)
def test_what_is_left_behind_fails(leaking_run: tuple[list[str], str], test: str, message: str) -> None:
    failures, output = leaking_run
    assert any(line.endswith(f"::{test}") or f"::{test} " in line for line in failures), output
    assert message in output


def test_tidy_tests_pass(tmp_path: Path) -> None:
    failures, output = run_guarded(tmp_path, TIDY)
    assert not failures, output
    assert "8 passed" in output
