from __future__ import annotations

from mezzotint_engine.phases import PhaseClock


class Hand:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_each_phase_gets_its_own_time_and_pauses_belong_to_none() -> None:
    hand, laps = Hand(), []
    clock = PhaseClock(lambda name, seconds: laps.append((name, seconds)), hand)
    clock.enter("load")
    hand.time += 2
    clock.enter("denoise")
    hand.time += 1
    with clock.paused():
        hand.time += 50
    hand.time += 1
    clock.enter("save")
    hand.time += 0.5
    clock.leave()
    clock.leave()
    hand.time += 0.25
    clock.enter("denoise")
    hand.time += 4
    clock.leave()
    assert laps == [("load", 2.0), ("denoise", 2.0), ("save", 0.5), ("denoise", 4.0)]
    assert {phase.name: phase.seconds for phase in clock.totals()} == {
        "load": 2.0,
        "denoise": 6.0,
        "save": 0.5,
    }
    assert clock.elapsed() == 8.75
