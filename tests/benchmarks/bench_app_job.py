"""One job through app and engine, window open, previews and plots on, against a bare diffusers script.

Both sides are warm (the model is loaded). The app's time is from the submission of the job to the news of its
end in the window. The script is measured twice: as torch starts it, which is what a user would compare with,
and at the engine's own number of threads, which shows what app and engine add without the choice of threads.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from mezzotint_engine.worker.thread_choice import default_threads
from mezzotint_sdk.home import Home
from mezzotint_sdk.job_spec import GenerateSpec
from tests.benchmarks.comparison import Result, compare
from tests.benchmarks.window_under_test import WindowUnderTest
from tests.e2e.live_engine import emoji_spec

BARE = Path(__file__).parent / "bare_job.py"
TORCHS_CHOICE = 0
# torch's default number of threads spins on cores that others take: a job of half a second then takes minutes
PATIENCE_S = 60.0


class ScriptCollapsedError(Exception):
    """The bare script's job took longer than `PATIENCE_S`: the machine is too busy for its threads."""


@contextmanager
def bare_script(folder: str, threads: int) -> Iterator[Callable[[GenerateSpec], float]]:
    """A warm script in a process of its own; call it with a job, get the job's seconds."""
    model = Path(str(files("mezzotint_assets"))) / "models" / "emoji-64"
    command = [sys.executable, str(BARE), str(model), folder, str(threads)]
    script = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert script.stdin is not None
    assert script.stdout is not None
    stdin, stdout = script.stdin, script.stdout
    assert stdout.readline() == "ready\n"

    def draw(spec: GenerateSpec) -> float:
        names = ("prompt", "steps", "guidance_scale", "seed", "count")
        print(json.dumps({name: getattr(spec, name) for name in names}), file=stdin, flush=True)
        if not select.select([stdout], [], [], PATIENCE_S)[0]:
            raise ScriptCollapsedError
        return float(stdout.readline())

    try:
        yield draw
    finally:
        script.kill()  # also where its threads spin and it would not hear a closed pipe
        script.wait()
        stdin.close()
        stdout.close()


def measure(quick: bool) -> list[Result]:
    threads = default_threads()  # what "auto" means here
    results = []
    with tempfile.TemporaryDirectory() as folder, WindowUnderTest(Home(Path(folder) / "home")) as window:

        def through_app(spec: GenerateSpec) -> float:
            began = time.perf_counter()
            window.draw(spec)
            return time.perf_counter() - began

        for name, of_script, script_threads in (
            ("overhead", f"one of {threads} thread(s) as ours", threads),
            ("job", "a bare script", TORCHS_CHOICE),
        ):
            with bare_script(folder, script_threads) as plain:
                for count in (1, 4):
                    spec = emoji_spec(steps=20, count=count, seed=3)
                    what = f"a job of {count} picture(s) through app and engine, against {of_script}"
                    try:
                        result = compare(
                            f"{name}-{count}",
                            what,
                            lambda spec=spec, plain=plain: plain(spec),  # type: ignore[misc]
                            lambda spec=spec: through_app(spec),  # type: ignore[misc]
                            target=1.05,
                            rounds=3 if quick else 15,
                            warm_ups=2,
                        )
                    except ScriptCollapsedError:
                        said = f"{what} (over {PATIENCE_S:.0f} s: busy)"
                        result = Result(
                            name=f"{name}-{count}",
                            what=said,
                            value=float("nan"),
                            target=1.05,
                            verdict="inconclusive",
                        )
                        results.append(result)
                        break  # its threads still spin: the next job would only wait for them
                    results.append(result)
    return results
