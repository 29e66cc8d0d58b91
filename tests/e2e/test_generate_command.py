"""`mezzotint generate` and its sisters against a real engine with a real worker."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.command_line import CommandLine
from tests.e2e.live_engine import LiveEngine, emoji_spec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals and terminals are POSIX"),
]


@pytest.fixture(scope="module")
def engine(session_home: Path) -> Iterator[LiveEngine]:
    with LiveEngine(session_home) as engine:
        yield engine


@pytest.fixture
def mezzotint(engine: LiveEngine) -> CommandLine:
    return CommandLine(engine.home.root)


def pixels(file: str | Path) -> bytes:
    with Image.open(io.BytesIO(Path(file).read_bytes())) as picture:
        assert picture.format == "PNG"
        return picture.convert("RGB").tobytes()


def test_the_same_seed_gives_the_same_pixels(mezzotint: CommandLine, tmp_path: Path) -> None:
    first = mezzotint.draw("--seed", "7")
    again = mezzotint.draw("--seed", "7", "--out", str(tmp_path / "apple.png"))
    other = mezzotint.draw("--seed", "8")
    assert [ended.status for ended in (first, again, other)] == [0, 0, 0], first.err + again.err + other.err
    assert again.json["files"] == [str(tmp_path / "apple.png")]
    assert first.json["state"] == "finished"
    assert first.json["run_id"] != again.json["run_id"]
    assert first.json["seconds"] > 0
    assert pixels(first.json["files"][0]) == pixels(again.json["files"][0])
    assert pixels(first.json["files"][0]) != pixels(other.json["files"][0])
    assert not first.err, "a script that reads JSON hears of errors alone"


def test_text_output_names_the_seed_and_the_files(mezzotint: CommandLine, tmp_path: Path) -> None:
    words = ("generate", "bundled:emoji-64", "--prompt", "cat face", "--steps", "20", "--count", "2")
    ended = mezzotint(*words, "--out", str(tmp_path / "cat.png"))
    assert ended.status == 0, ended.err
    summary, *files = ended.out.splitlines()
    assert files == [str(tmp_path / "cat-1.png"), str(tmp_path / "cat-2.png")]
    assert pixels(files[0]) != pixels(files[1])
    assert "Drawing" in ended.err, "without a terminal there are plain lines of progress"
    # The seed that was chosen draws the same picture again; picture 2 has the next seed.
    seed = int(summary.rpartition("seed ")[2])
    second = mezzotint.draw("--seed", str(seed + 1), prompt="cat face", steps=20)
    assert pixels(second.json["files"][0]) == pixels(files[1])


def test_a_terminal_gets_a_progress_bar(mezzotint: CommandLine) -> None:
    ours, theirs = pty.openpty()
    with mezzotint.start("generate", "emoji-64", "--prompt", "sun", "--steps", "30") as process:
        process.communicate()  # a warm worker, so that the bar has little else to show
    command = CommandLine(Path(mezzotint.environment["MEZZOTINT_HOME"]))
    command.environment["TERM"] = "xterm"
    process = subprocess.Popen(
        ["setsid", *process.args],  # type: ignore[list-item]
        env=command.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other side has closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Drawing" in shown.decode()
    assert "30/30" in shown.decode() or "/30" in shown.decode()


def test_pictures_to_start_from(mezzotint: CommandLine, tmp_path: Path) -> None:
    base = mezzotint.draw("--seed", "3").json["files"][0]
    mask = tmp_path / "mask.png"
    picture = Image.new("L", (64, 64), 0)
    picture.paste(255, (0, 0, 64, 32))
    picture.save(mask)
    changed = mezzotint.draw("--image", base, "--strength", "0.6", "--seed", "4", steps=5)
    assert changed.status == 0, changed.err
    painted = mezzotint.draw("--image", base, "--mask", str(mask), "--seed", "4", steps=5)
    assert painted.status == 0, painted.err
    assert pixels(changed.json["files"][0]) != pixels(base)
    assert pixels(painted.json["files"][0]) != pixels(base)


def test_a_prompt_from_a_file_in_any_script(mezzotint: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("красное яблоко 🍎 りんご\n" * 2000, encoding="utf-8")
    words = ("generate", "emoji-64", "--prompt-file", str(file), "--steps", "1", "--json")
    ended = mezzotint(*words)
    assert ended.status == 0, ended.err
    found = mezzotint("runs", "--json", "--search", "яблоко").json
    assert ended.json["run_id"] in [run["run_id"] for run in found["runs"]]


# --- what is there ----------------------------------------------------------------------------------------


def test_lists_and_status_while_a_run_goes_on(mezzotint: CommandLine, engine: LiveEngine) -> None:
    run_id, worker = engine.start_long_run()
    (waiting,) = engine.submit(emoji_spec(prompt="waiting\x1b[31m one"))
    try:
        status = mezzotint("status", "--json").json
        assert engine.process is not None
        assert status["server"]["pid"] == engine.process.pid
        assert status["server"]["uptime"] > 0
        (busy,) = [entry for entry in status["workers"] if entry["state"] == "busy"]
        assert busy["pid"] == worker.pid
        assert busy["device"]
        assert busy["memory"] > 0
        assert [run["run_id"] for run in status["queue"]] == [run_id, waiting]

        jobs = mezzotint("jobs", "--json").json["jobs"]
        assert [job["run_id"] for job in jobs] == [run_id, waiting]
        assert [job["state"] for job in jobs] == ["running", "queued"]

        for command in ("jobs", "status", "runs"):
            text = mezzotint(command)
            assert text.status == 0, text.err
            assert waiting in text.out
            assert "\x1b" not in text.out, "a prompt can't send a terminal its escape sequences"
    finally:
        cancelled = mezzotint("cancel", "all", "--json")
    assert cancelled.status == 0, cancelled.err
    assert {run["run_id"]: run["state"] for run in cancelled.json["runs"]} == {
        run_id: "cancelled",
        waiting: "cancelled",
    }
    assert mezzotint("jobs", "--json").json["jobs"] == []
    limited = mezzotint("runs", "--limit", "1", "--json").json
    assert len(limited["runs"]) == 1
    assert limited["total"] > 1


def test_models_are_listed(mezzotint: CommandLine) -> None:
    models = mezzotint("models", "--json").json["models"]
    assert "bundled:emoji-64" in [model["path"] for model in models]
    assert "emoji-64" in mezzotint("models").out


# --- ending early -----------------------------------------------------------------------------------------


def start_long(mezzotint: CommandLine, engine: LiveEngine, prompt: str) -> tuple[subprocess.Popen[str], str]:
    """`generate` in the middle of a run that would take minutes, and the run's id."""
    process = mezzotint.start(
        "generate", "emoji-64", "--prompt", prompt, "--steps", "1000", "--count", "100", "--json"
    )

    def found() -> str:
        return next((run.run_id for run in engine.runs.values() if run.spec.prompt == prompt), "")

    run_id = engine.wait_until(found, "the run of a command")
    engine.wait_for_step(run_id)
    return process, run_id


def test_cancel_ends_a_run_that_somebody_waits_for(mezzotint: CommandLine, engine: LiveEngine) -> None:
    process, run_id = start_long(mezzotint, engine, "cancelled by another")
    cancelled = mezzotint("cancel", run_id[-6:])
    assert cancelled.status == 0, cancelled.err
    assert cancelled.out == f"Run {run_id} cancelled\n"
    ended = mezzotint.end(process)
    assert ended.status == 130
    assert ended.json["state"] == "cancelled"
    assert ended.json["run_id"] == run_id
    again = mezzotint("cancel", run_id)
    assert again.status == 2
    assert "already" in again.error_line


def test_ctrl_c_cancels_the_run_and_then_exits(mezzotint: CommandLine, engine: LiveEngine) -> None:
    process, run_id = start_long(mezzotint, engine, "interrupted once")
    process.send_signal(signal.SIGINT)
    ended = mezzotint.end(process)
    assert ended.status == 130, ended.err
    assert ended.json["state"] == "cancelled"
    assert "Traceback" not in ended.err
    assert engine.wait_for_end(run_id).state == "cancelled"


def test_a_second_ctrl_c_ends_a_worker_that_is_deaf(mezzotint: CommandLine, engine: LiveEngine) -> None:
    process, run_id = start_long(mezzotint, engine, "interrupted twice")
    worker = engine.worker("busy")
    assert worker is not None
    os.kill(worker.pid, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    engine.wait_for_state(run_id, "stopping", "cancelled")
    process.send_signal(signal.SIGINT)
    ended = mezzotint.end(process)
    assert ended.status == 130, ended.err
    assert engine.wait_for_end(run_id).state == "cancelled"
    engine.assert_healthy()


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("emoji-65", "--prompt", "x"), 2, "emoji-64"),
        (("./nowhere", "--prompt", "x"), 2, "nowhere"),
        (("emoji-64", "--prompt", "x", "--scheduler", "NoSuchScheduler"), 2, "EulerDiscreteScheduler"),
        (("emoji-64", "--prompt", "x", "--size", "63x64"), 2, "multiple of 8"),
        (("emoji-64", "--prompt", "x", "--size", "big"), 2, "512x512"),
        (("emoji-64", "--prompt", "x", "--steps", "0"), 2, "from 1 to 10000"),
        (("emoji-64",), 2, "--prompt"),
        (("emoji-64", "--prompt", "x", "--device", "cuda:7"), 2, "cuda:7"),
        (("emoji-64", "--prompt", "x", "--image", "/nowhere.png"), 2, "/nowhere.png"),
        (("emoji-64", "--prompt", "x", "--mask", __file__), 2, "--image"),
        (("emoji-64", "--prompt", "x", "--image", __file__), 2, "picture"),
        (("emoji-64", "--prompt", "x", "--out", "/nowhere/at/all.png"), 2, "/nowhere/at"),
        (("emoji-64", "--prompt", "x", "--out", "picture.jpg"), 2, ".png"),
        (("emoji-64", "--prompt-file", "/nowhere.txt"), 2, "/nowhere.txt"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    mezzotint: CommandLine, tmp_path: Path, words: tuple[str, ...], status: int, says: str
) -> None:
    ended = mezzotint("generate", *words, "--json", cwd=tmp_path)
    assert ended.status == status, ended.out + ended.err
    assert says in ended.error_line
    assert ended.json["code"] in ("bad_input", "not_found")
    facts = {"run_id": "", "state": "failed", "seconds": 0.0, "files": []}
    assert facts.items() <= ended.json.items(), "no run came to be, so none took time"
    assert says in ended.json["message"]


def test_a_model_without_its_parts_is_status_4(mezzotint: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model_index.json").write_text(
        '{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}'
    )
    ended = mezzotint("generate", str(folder), "--prompt", "x", "--json")
    assert ended.status == 4, ended.err
    assert ended.json["code"].startswith("model_")
    assert ended.json["state"] == "failed"
    assert ended.json["files"] == []
    assert ended.json["message"] in ended.error_line


def test_a_folder_takes_the_picture(mezzotint: CommandLine, tmp_path: Path) -> None:
    ended = mezzotint.draw("--out", f"{tmp_path}/new/folder/")
    assert ended.status == 0, ended.err
    (file,) = ended.json["files"]
    assert Path(file).parent == tmp_path / "new" / "folder"
    assert pixels(file)


def test_a_copy_that_fails_is_status_6_and_the_run_is_kept(mezzotint: CommandLine, tmp_path: Path) -> None:
    target = tmp_path / ("x" * 252 + ".png")  # longer than a file system's 255
    ended = mezzotint.draw("--out", str(target))
    assert ended.status == 6, ended.out + ended.err
    assert ended.json["code"] == "storage"
    assert ended.json["state"] == "finished"
    assert all(Path(file).is_file() for file in ended.json["files"])
    assert ended.json["files"]


def test_no_run_of_that_id(mezzotint: CommandLine) -> None:
    ended = mezzotint("cancel", "no-such-run", "--json")
    assert ended.status == 2
    assert ended.json["code"] == "not_found"
