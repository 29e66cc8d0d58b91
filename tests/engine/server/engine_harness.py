"""A real server process with fake workers, and a small client for it, for the tests of the server."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import zmq

from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import EngineFile, read_engine_file
from mezzotint_sdk.errors import error_from_info
from mezzotint_sdk.home import Home
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef
from mezzotint_sdk.records import FINAL_STATES, RunRecord
from mezzotint_sdk.wire_codec import CALLS, FROM_SERVER

TIMEOUT_S = 20.0
MODEL = ModelRef(path="bundled:emoji-64")
T = TypeVar("T")


def spec(prompt: str = "normal", **changes: Any) -> GenerateSpec:
    return GenerateSpec(**{"model": MODEL, "prompt": prompt, "steps": 3, **changes})


def wait_for(condition: Callable[[], T], what: str, timeout_s: float = TIMEOUT_S) -> T:
    """The first true value of `condition`; fails the test when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s:g} s"
        time.sleep(0.01)
    return value


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class WireClient:
    """Blocking; keeps every notice that came."""

    def __init__(
        self, engine: EngineFile, *, previews: bool = False, events: bool = True, hello: bool = True
    ) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        if engine.server_public_key:
            self.socket.curve_serverkey = engine.server_public_key.encode()
            self.socket.curve_publickey = engine.client_public_key.encode()
            self.socket.curve_secretkey = engine.client_secret_key.encode()
        self.socket.connect(engine.client_endpoint)
        self._numbers = itertools.count(1)
        self.notices: list[m.Notice] = []
        self.welcome: m.Welcome | None = None
        if hello:
            reply = self.ask(self.hello(previews=previews, events=events))
            assert isinstance(reply, m.Welcome)
            self.welcome = reply

    @staticmethod
    def hello(*, previews: bool = False, events: bool = True, protocol: int = m.PROTOCOL_VERSION) -> m.Hello:
        return m.Hello(
            protocol=protocol, client="test", version="0", pid=os.getpid(), wants_events=events,
            wants_previews=previews,
        )  # fmt: skip

    def send(self, body: m.Request) -> int:
        number = next(self._numbers)
        self.socket.send(CALLS.encode(m.Call(number, body)))
        return number

    def receive(self, timeout_s: float = TIMEOUT_S) -> m.Answer | m.Notice | None:
        if not self.socket.poll(max(0, int(timeout_s * 1000))):
            return None
        message = FROM_SERVER.decode(self.socket.recv())
        if isinstance(message, m.Notice):
            self.notices.append(message)
        return message

    def answer_to(self, number: int, timeout_s: float = TIMEOUT_S) -> Any:
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive(left)
            if isinstance(message, m.Answer) and message.request_id == number:
                return message.body
        raise AssertionError(f"no answer to call {number}")

    def ask(self, body: m.Request, timeout_s: float = TIMEOUT_S) -> Any:
        """The reply; a refusal is returned as `Refused`."""
        return self.answer_to(self.send(body), timeout_s)

    def get(self, body: m.Request) -> Any:
        """The reply; a refusal is raised as its exception."""
        reply = self.ask(body)
        if isinstance(reply, m.Refused):
            raise error_from_info(reply.error)
        return reply

    def submit(self, *prompts: str, **changes: Any) -> list[str]:
        specs = tuple(spec(prompt, **changes) for prompt in prompts)
        return list(self.get(m.SubmitJobs(specs=specs)).run_ids)

    def read_for(self, seconds: float) -> None:
        """Take in what arrives meanwhile."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.receive(left)

    def until(self, wanted: Callable[[m.Notice], T | None], what: str, timeout_s: float = TIMEOUT_S) -> T:
        """The first true value of `wanted` over all notices, those that came before included."""
        for notice in self.notices:
            if value := wanted(notice):
                return value
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive(left)
            if isinstance(message, m.Notice) and (value := wanted(message)):
                return value
        raise AssertionError(f"{what} was not announced within {timeout_s:g} s")

    def until_state(self, run_id: str, *states: str, timeout_s: float = TIMEOUT_S) -> RunRecord:
        def wanted(notice: m.Notice) -> RunRecord | None:
            match notice.body:
                case m.RunChanged(run=run) if run.run_id == run_id and run.state in states:
                    return run
            return None

        return self.until(wanted, f"{run_id} becoming {' or '.join(states)}", timeout_s)

    def until_final(self, run_id: str, timeout_s: float = TIMEOUT_S) -> RunRecord:
        return self.until_state(run_id, *FINAL_STATES, timeout_s=timeout_s)

    def events(self, kind: type[T]) -> list[T]:
        return [notice.body for notice in self.notices if isinstance(notice.body, kind)]

    def status(self) -> m.Status:
        reply = self.get(m.GetStatus())
        assert isinstance(reply, m.Status)
        return reply

    def close(self) -> None:
        self.socket.close()
        self._context.term()


class Engine:
    """A server process of one home."""

    def __init__(
        self, home: Path, *, linger: float = 300, prefix: tuple[str, ...] = (), **variables: str
    ) -> None:
        self.home = Home(home)
        environment = {
            **os.environ,
            "MEZZOTINT_HOME": str(home),
            "MEZZOTINT_WORKER_MODULE": "fake_worker",
            "PYTHONPATH": str(Path(__file__).parent),
            "MEZZOTINT_SPARE_DELAY": "0.1",
            **variables,
        }
        command = [sys.executable, "-m", "mezzotint_engine", "--home", str(home), "--linger", str(linger)]
        self.process = subprocess.Popen(
            [*prefix, *command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.clients: list[WireClient] = []

    @property
    def file(self) -> EngineFile:
        """As soon as the engine is ready."""

        def ready() -> EngineFile | None:
            assert self.process.poll() is None, f"the engine ended: {self.process.stdout.read()}"  # type: ignore[union-attr]
            found = read_engine_file(self.home)
            return found if found and found.pid == self.process.pid else None

        return wait_for(ready, "the engine's start")

    def client(self, **options: bool) -> WireClient:
        client = WireClient(self.file, **options)
        self.clients.append(client)
        return client

    def workers(self) -> list[psutil.Process]:
        return [
            p for p in psutil.Process(self.process.pid).children() if "fake_worker" in " ".join(p.cmdline())
        ]

    def log(self) -> str:
        return (self.home.logs / "engine.log").read_text()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_S)

    def stop(self) -> int:
        for client in self.clients:
            client.close()
        self.clients.clear()
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(TIMEOUT_S)
        if self.process.stdout:
            self.process.stdout.close()
        return status


@contextmanager
def running_engine(home: Path, **options: Any) -> Iterator[Engine]:
    engine = Engine(home, **options)
    try:
        yield engine
    finally:
        engine.stop()
