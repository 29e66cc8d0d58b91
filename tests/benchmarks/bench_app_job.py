"""One job through app and engine, window open, previews and plots on, against a bare diffusers script.

Both sides are warm (the model is loaded) and use the same number of threads. The app's time is from the
submission of the job to the news of its end in the window.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from mezzotint_engine.worker.thread_choice import default_threads
from mezzotint_sdk.home import Home
from tests.benchmarks.comparison import Result, compare
from tests.benchmarks.window_under_test import WindowUnderTest
from tests.e2e.live_engine import emoji_spec

BARE = Path(__file__).parent / "bare_job.py"


def measure(quick: bool) -> list[Result]:
    model = Path(str(files("mezzotint_assets"))) / "models" / "emoji-64"
    with tempfile.TemporaryDirectory() as folder, WindowUnderTest(Home(Path(folder) / "home")) as window:
        threads = default_threads()  # what "auto" means here
        command = [sys.executable, str(BARE), str(model), folder, str(threads)]
        bare = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert bare.stdin is not None
        assert bare.stdout is not None
        assert bare.stdout.readline() == "ready\n"
        results = []
        try:
            for count in (1, 4):
                spec = emoji_spec(steps=20, count=count, seed=3)
                job = {
                    name: getattr(spec, name)
                    for name in ("prompt", "steps", "guidance_scale", "seed", "count")
                }

                def plain(job: dict[str, object] = job) -> float:
                    print(json.dumps(job), file=bare.stdin, flush=True)
                    return float(bare.stdout.readline())  # type: ignore[union-attr]

                def through_app(spec: object = spec) -> float:
                    began = time.perf_counter()
                    window.draw(spec)  # type: ignore[arg-type]
                    return time.perf_counter() - began

                pictures = "1 picture" if count == 1 else f"{count} pictures"
                what = f"a job of {pictures} through app and engine, against a bare script"
                rounds = 3 if quick else 15
                result = compare(
                    f"job-{count}", what, plain, through_app, target=1.05, rounds=rounds, warm_ups=2
                )
                results.append(result)
        finally:
            bare.stdin.close()
            bare.wait(20)
            bare.stdout.close()
    return results
