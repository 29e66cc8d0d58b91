"""Parts of the server by themselves: slot ledger, mailbox, placement, picture import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint_engine.server.image_import import import_image
from mezzotint_engine.server.placement import SPARE_BYTES, best_device, choose_worker, spare_wanted
from mezzotint_engine.server.slot_ledger import SlotLedger, capacity_for, clean_slots_folder
from mezzotint_engine.server.volatile_mailbox import MAX_POINTS, VolatileMailbox
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError, NotFoundError
from mezzotint_sdk.records import ArrayRef, DeviceInfo

MIB = 1024**2


def ref(grant: m.SlotGranted) -> ArrayRef:
    return ArrayRef(grant.slot, grant.generation, 1, "|u1", (1,))


@pytest.fixture
def ledger(tmp_path: Path) -> SlotLedger:
    clean_slots_folder(tmp_path / "slots")
    return SlotLedger(tmp_path / "slots", limit_bytes=2 * MIB)


def test_a_slot_goes_round(ledger: SlotLedger) -> None:
    grant = ledger.grant("w1", 1000)
    assert ledger.states() == {"free": 0, "writing": 1, "published": 0}
    assert not ledger.publish("w2", ref(grant)), "another worker's"
    ledger.lease("a", ref(grant))
    ledger.lease("b", ref(grant))
    assert ledger.publish("w1", ref(grant))
    assert ledger.states() == {"free": 0, "writing": 0, "published": 1}
    assert ledger.release("a", ref(grant))
    assert not ledger.release("a", ref(grant)), "only once"
    ledger.free_reader("b")
    assert ledger.states() == {"free": 1, "writing": 0, "published": 0}
    again = ledger.grant("w1", 1000)
    assert (again.slot, again.generation) == (grant.slot, grant.generation + 1)
    assert not ledger.publish("w1", ref(grant)), "of an older generation"
    ledger.free_writer("w1")
    assert ledger.states()["free"] == 1


def test_the_pool_has_a_limit_and_gives_up_sizes_that_nobody_uses(ledger: SlotLedger) -> None:
    grants = [ledger.grant("w", 1) for _ in range(9)]
    assert [bool(grant.generation) for grant in grants] == [True] * 8 + [False]
    assert ledger.total_bytes == 2 * MIB
    ledger.free_writer("w")
    assert ledger.grant("w", 3 * MIB).generation == 0, "larger than the pool"
    assert ledger.total_bytes < 2 * MIB, "room was made for it"


def test_a_large_slot_is_made_on_another_thread(tmp_path: Path) -> None:
    clean_slots_folder(tmp_path / "slots")
    ledger = SlotLedger(tmp_path / "slots", limit_bytes=100 * MIB)
    size = capacity_for(10 * MIB)
    assert ledger.grant("w", 10 * MIB).generation == 0, "never made on the I/O thread"
    name = ledger.reserve_large(size)
    assert not ledger.reserve_large(size), "a second one would be over the limit"
    assert ledger.make_file(name, size)
    ledger.finish_large(name, size, made=True)
    assert ledger.grant("w", 10 * MIB).slot == name
    ledger.close()


@given(owners=st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
@settings(max_examples=50, deadline=None)
def test_when_all_owners_are_dead_all_slots_are_free(
    tmp_path_factory: pytest.TempPathFactory, owners: list[tuple[str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("ledger") / "slots"
    clean_slots_folder(folder)
    ledger = SlotLedger(folder, limit_bytes=MIB)
    for reader, publishes in owners:
        grant = ledger.grant("w", 10)
        if publishes and grant.generation:
            ledger.lease(reader, ref(grant))
            ledger.publish("w", ref(grant))
    ledger.free_writer("w")
    for reader in "abc":
        ledger.free_reader(reader)
    states = ledger.states()
    assert states["writing"] == states["published"] == 0
    ledger.close()


def preview(step: int, run_id: str = "r") -> m.PreviewMade:
    array = ArrayRef(f"s{step}", 1, 1, "|u1", (1,))
    return m.PreviewMade(run_id=run_id, image_index=0, step=step, array=array, cost_ms=0)


def points(*steps: float) -> m.MetricsAdded:
    return m.MetricsAdded(run_id="r", name="loss", unit="", steps=steps, values=steps, times=steps)


def test_the_mailbox_keeps_the_newest_and_joins_points() -> None:
    dropped: list[str] = []
    box = VolatileMailbox(lambda array: dropped.append(array.slot))
    for step in range(3):
        box.put(preview(step))
        box.put(points(float(step)))
    box.put(preview(9, run_id="other"))
    assert dropped == ["s0", "s1"]
    sent: list[m.Event] = []
    box.send_all(lambda event: not sent.append(event))
    assert sent == [preview(2), points(0.0, 1.0, 2.0), preview(9, run_id="other")]
    assert not box
    box.put(points(*map(float, range(MAX_POINTS))))
    box.put(points(-1.0))
    box.send_all(lambda event: not sent.append(event))
    assert sent[-1] == points(*map(float, range(1, MAX_POINTS)), -1.0)
    box.put(preview(5))
    box.clear()
    assert dropped[-1] == "s5"
    with pytest.raises(ValueError, match="not a volatile event"):
        box.put(m.RunsDeleted(run_ids=()))


@dataclass
class FakeWorker:
    is_idle: bool
    started: float


def test_placement() -> None:
    cpu = DeviceInfo(name="cpu", title="", kind="cpu", total_bytes=100)
    small, large = (DeviceInfo(name=f"cuda:{k}", title="", kind="cuda", total_bytes=k + 1) for k in (0, 1))
    assert best_device([cpu, small, large]) is large
    assert best_device([]) is None
    old, new, busy = FakeWorker(True, 1), FakeWorker(True, 2), FakeWorker(False, 0)
    assert choose_worker([busy, new, old], active_runs=0) is old
    assert choose_worker([new, old], active_runs=1) is None
    assert choose_worker([busy], active_runs=0) is None


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"active_runs": 1},
        {"waiting_runs": 1},
        {"idle_s": 0.5},
        {"live_workers": 2},
        {"idle_workers": 0},
        {"available_bytes": SPARE_BYTES},
    ],
)
def test_a_spare_is_wanted_only_when_all_is_quiet(change: dict[str, float]) -> None:
    quiet = {"live_workers": 1, "idle_workers": 1, "active_runs": 0, "waiting_runs": 0, "idle_s": 2.0}
    facts = {**quiet, "delay_s": 1.0, "available_bytes": 10 * SPARE_BYTES, **change}
    assert spare_wanted(**facts) is not bool(change)  # type: ignore[arg-type]


def test_pictures_are_imported_by_content(tmp_path: Path) -> None:
    from PIL import Image

    picture = Image.new("RGB", (6, 4), (200, 30, 60))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    picture.save(tmp_path / "turned.jpg", exif=exif)
    picture.save(tmp_path / "plain.png")
    picture.save(tmp_path / "same.webp", lossless=True)
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    turned = import_image(str(tmp_path / "turned.jpg"), inputs)
    assert (turned.width, turned.height) == (4, 6)
    plain, same = (import_image(str(tmp_path / name), inputs) for name in ("plain.png", "same.webp"))
    assert plain == same
    assert sorted(path.stem for path in inputs.iterdir()) == sorted({turned.sha256, plain.sha256})
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "plain.png").read_bytes()[:-30])
    for name in ("text.png", "cut.png", ""):
        with pytest.raises(BadInputError, match="can't be read"):
            import_image(str(tmp_path / name), inputs)
    with pytest.raises(NotFoundError):
        import_image(str(tmp_path / "none.png"), inputs)
