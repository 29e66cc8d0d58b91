"""A 64 MiB array, from ready in the worker to readable in the app, against one memcpy of it.

The worker side is a process of its own, the message goes through zmq as it does in the engine, the slot is
warm. "Readable" means that the app holds a checked view onto all of the bytes; what it then does with them
(usually one more copy of the part it shows) is its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import zmq

from mezzotint_sdk.array_slots import SlotReader, create_slot_file
from mezzotint_sdk.records import ArrayRef
from tests.benchmarks.comparison import Result, compare

NBYTES = 64 * 1024 * 1024

WORKER = """
import sys
from pathlib import Path
import msgspec, numpy as np, zmq
from mezzotint_sdk.array_slots import SlotWriter

endpoint, folder, nbytes = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
socket = zmq.Context.instance().socket(zmq.PAIR)
socket.connect(endpoint)
array = np.arange(nbytes, dtype=np.uint8)
writer = SlotWriter(folder)
writer.prepare("00000")
generation = 0
while socket.recv() == b"go":
    generation += 1
    socket.send(msgspec.msgpack.encode(writer.write("00000", generation, array)))
"""


def measure(quick: bool) -> list[Result]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        create_slot_file(folder / "00000", NBYTES)
        endpoint = f"ipc://{folder}/s"
        socket = zmq.Context.instance().socket(zmq.PAIR)
        socket.bind(endpoint)
        worker = subprocess.Popen([sys.executable, "-c", WORKER, endpoint, str(folder), str(NBYTES)])
        reader = SlotReader(folder)
        source = np.arange(NBYTES, dtype=np.uint8)
        target = np.empty_like(source)

        def memcpy() -> float:
            began = time.perf_counter()
            np.copyto(target, source)
            return time.perf_counter() - began

        def transfer() -> float:
            began = time.perf_counter()
            socket.send(b"go")
            ref = msgspec.msgpack.decode(socket.recv(), type=ArrayRef)
            with reader.view(ref) as array:
                seconds = time.perf_counter() - began
                assert array[-1] == source[-1]
            return seconds

        try:
            result = compare(
                "array",
                "64 MiB array, ready in the worker to readable in the app, against memcpy",
                memcpy,
                transfer,
                target=2.0,
                rounds=5 if quick else 40,
                warm_ups=3,
            )
        finally:
            socket.send(b"end")
            worker.wait(20)
            reader.close()
            socket.close(0)
    return [result]
