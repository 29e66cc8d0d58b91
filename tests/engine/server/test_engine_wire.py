"""The wire of the real server: handshake, bad bytes, slow and vanished clients, mapped arrays."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from mezzotint_sdk import messages as m
from mezzotint_sdk.array_slots import SlotReader
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.home import Home
from mezzotint_sdk.wire_codec import CALLS
from tests.engine.server.engine_harness import MODEL, Engine, WireClient, running_engine

pytestmark = pytest.mark.slow


def test_the_first_exchange_tells_versions_and_devices(engine: Engine) -> None:
    client = engine.client()
    assert client.welcome is not None
    assert client.welcome.protocol == m.PROTOCOL_VERSION
    assert client.welcome.server.pid == engine.process.pid
    assert client.welcome.slots_folder == str(engine.home.slots)
    devices = client.until(lambda n: n.body if isinstance(n.body, m.DevicesChanged) else None, "devices")
    assert [device.name for device in devices.devices] == ["cpu"]
    assert [d.name for d in engine.client().welcome.devices] == ["cpu"]  # type: ignore[union-attr]


def test_another_protocol_is_refused_with_what_to_do(engine: Engine) -> None:
    client = engine.client(hello=False)
    refused = client.ask(client.hello(protocol=99))
    assert refused.error.code == "protocol"
    assert "protocol 99" in refused.error.message
    assert isinstance(client.ask(client.hello()), m.Welcome)


def test_a_call_before_hello_is_refused(engine: Engine) -> None:
    client = engine.client(hello=False)
    refused = client.ask(m.GetStatus())
    assert refused.error.code == "protocol"
    assert "Hello" in refused.error.message


def test_bytes_that_are_no_message_never_harm(engine: Engine) -> None:
    client = engine.client()
    chance = random.Random(0)
    good = CALLS.encode(m.Call(1, m.GetStatus()))
    samples = [b"", b"\xc1", good[:-1], b"\x9f" * 100_000, b"\xdd\xff\xff\xff\xff"]
    for _ in range(200):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        samples.append(bytes(data))
    for sample in samples:
        client.socket.send(sample)
    client.socket.send_multipart([b"two", b"frames"])
    assert client.status().server.pid == engine.process.pid
    assert "no message" in engine.log()


def test_a_call_with_a_bad_body_is_refused_under_its_own_number(client: WireClient) -> None:
    body = {"type": "SubmitJobs", "specs": [{"type": "generate", "model": {"path": MODEL.path}, "steps": 0}]}
    client.socket.send(msgspec.msgpack.encode({"type": "call", "request_id": 77, "body": body}))
    refused = client.answer_to(77)
    assert refused.error.code == "bad_message"
    assert "steps" in refused.error.message


def test_a_socket_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    # the run-time folder is always short, so the limit is lowered instead of the path made longer
    code = (
        "import sys, mezzotint_engine.server.transport as t; t.MAX_SOCKET_PATH = 10\n"
        "from mezzotint_engine.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "longer than 10 bytes" in done.stderr
    assert not Home(tmp_path).runtime.exists()


def test_the_runtime_folder_is_private(engine: Engine) -> None:
    engine.client()
    assert engine.home.runtime.stat().st_mode & 0o777 == 0o700
    assert engine.home.engine_file.stat().st_mode & 0o777 == 0o600


# --- previews and slots ----------------------------------------------------------------------------------


def next_preview(client: WireClient) -> m.PreviewMade:
    client.notices.clear()
    return client.until(lambda n: n.body if isinstance(n.body, m.PreviewMade) else None, "a preview")


def test_previews_cross_in_mapped_slots(client: WireClient, engine: Engine) -> None:
    viewer = engine.client(previews=True)
    (run_id,) = client.submit("preview 0.02", steps=10_000, width=128, height=64)
    reader = SlotReader(engine.home.slots)
    for _ in range(5):
        preview = next_preview(viewer)
        array = reader.copy(preview.array)
        assert array.shape == (64, 128, 3)
        assert (array == preview.step % 256).all()
        viewer.get(m.ReleaseSlots(refs=(preview.array,)))
    client.read_for(0.1)
    assert not client.events(m.PreviewMade), "that client wants none"
    assert len(list(engine.home.slots.iterdir())) <= 6
    client.get(m.CancelRun(run_id=run_id))
    client.until_final(run_id)
    reader.close()


def test_the_latest_preview_wins_for_a_client_that_does_not_release(engine: Engine) -> None:
    client = engine.client(previews=True)
    client.submit("preview 0.005", steps=10_000)
    first, second = next_preview(client), next_preview(client)
    client.notices.clear()
    client.until(
        lambda n: isinstance(n.body, m.RunProgressed) and n.body.step > second.step + 40, "forty more steps"
    )
    assert not client.events(m.PreviewMade), "two are out, the newest waits"
    newest_step = max(event.step for event in client.events(m.RunProgressed))
    client.send(m.ReleaseSlots(refs=(first.array, second.array)))
    assert next_preview(client).step >= newest_step - 5
    assert len(list(engine.home.slots.iterdir())) <= 6
    client.get(m.CancelAll())


def test_nobody_looks_so_no_previews_are_made(client: WireClient, engine: Engine) -> None:
    (run_id,) = client.submit("preview 0.001", steps=50)
    client.until_final(run_id)
    viewer = engine.client(previews=True)
    client.get(m.SetPreviewRate(hz=8))
    assert viewer.get(m.GetSnapshot()).preview_hz == 8
    with pytest.raises(BadInputError, match="from 0 to"):
        client.get(m.SetPreviewRate(hz=float("nan")))


CLIENT_THAT_HOLDS = """
import sys; from pathlib import Path
sys.path.insert(0, sys.argv[2])
from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import read_engine_file
from mezzotint_sdk.home import Home
from tests.engine.server.engine_harness import WireClient
client = WireClient(read_engine_file(Home(Path(sys.argv[1]))), previews=True)
while len(client.events(m.PreviewMade)) < 2:
    client.receive()
print("holding", flush=True)
while True:
    client.receive()
"""


def test_leases_of_a_killed_client_are_freed(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        client = engine.client()
        client.submit("preview 0.005", steps=10_000)
        root = str(Path(__file__).parents[3])
        for _ in range(3):
            process = subprocess.Popen(
                [sys.executable, "-c", CLIENT_THAT_HOLDS, str(mezzotint_home), root],
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            assert process.stdout.readline() == "holding\n"
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
        # each held two; were they lost, a pool that nobody frees would have grown by two each time
        viewer = engine.client(previews=True)
        for _ in range(10):
            viewer.send(m.ReleaseSlots(refs=(next_preview(viewer).array,)))
        assert len(list(engine.home.slots.iterdir())) <= 8
        client.get(m.CancelAll())


def test_slots_of_a_killed_worker_are_used_again(engine: Engine) -> None:
    client = engine.client(previews=True)
    for _ in range(4):
        (run_id,) = client.submit("preview 0.005", steps=10_000)
        preview = next_preview(client)
        worker = next(w for w in client.status().workers if w.state == "busy")
        os.kill(worker.pid, signal.SIGKILL)
        assert client.until_final(run_id).state == "failed"
        client.send(m.ReleaseSlots(refs=(preview.array, *(e.array for e in client.events(m.PreviewMade)))))
    assert len(list(engine.home.slots.iterdir())) <= 6


# --- slow clients ----------------------------------------------------------------------------------------


def test_points_are_coalesced_and_none_is_lost(engine: Engine) -> None:
    client = engine.client()
    (run_id,) = client.submit("points 0.02", steps=40)
    client.until_final(run_id)
    client.read_for(0.3)
    events = client.events(m.MetricsAdded)
    steps = [step for event in events for step in event.steps]
    assert steps == [float(1000 * k + i) for k in range(1, 41) for i in range(1000)]
    assert len(events) < 40


def test_a_client_that_reads_nothing_slows_nobody(engine: Engine) -> None:
    stuck = engine.client(previews=True)
    busy = engine.client()
    run_ids = busy.submit(*("points 0" for _ in range(20)), steps=50)
    for run_id in run_ids:
        assert busy.until_final(run_id).state == "finished"
    assert busy.status().queue == ()
    # it wakes up, sees what was kept, and a snapshot brings it up to date
    snapshot = stuck.get(m.GetSnapshot())
    assert {run.state for run in snapshot.runs} == {"finished"}


def test_a_client_that_falls_silent_is_let_go(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home, linger=0.2, MEZZOTINT_CLIENT_TIMEOUT="0.6") as engine:
        engine.client(events=False)
        assert engine.process.wait(20) == 0, "its process lives, but it has not said anything"


# --- without ipc -----------------------------------------------------------------------------------------


@pytest.fixture
def tcp_engine(mezzotint_home: Path) -> Iterator[Engine]:
    with running_engine(mezzotint_home, MEZZOTINT_TRANSPORT="tcp") as running:
        yield running


def test_over_loopback_with_keys(tcp_engine: Engine) -> None:
    assert tcp_engine.file.client_endpoint.startswith("tcp://127.0.0.1:")
    client = tcp_engine.client(previews=True)
    (run_id,) = client.submit("preview 0.01", steps=20)
    assert client.until_final(run_id).state == "finished"
    assert client.events(m.PreviewMade)


@pytest.mark.parametrize("keys", ["none", "unknown"])
def test_over_loopback_strangers_get_no_answer(tcp_engine: Engine, keys: str) -> None:
    engine = tcp_engine.file
    if keys == "none":
        stranger = msgspec.structs.replace(engine, server_public_key="")
    else:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        stranger = msgspec.structs.replace(engine, client_public_key=public, client_secret_key=secret)
    client = WireClient(stranger, hello=False)
    client.send(client.hello())
    assert client.receive(1.0) is None
    client.close()
    assert tcp_engine.client().status().server.pid == engine.pid
