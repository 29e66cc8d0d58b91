"""Courses of watches: thinned when full, the last value of each step."""

from __future__ import annotations

import numpy as np

from mezzotint_app.state.watch_series import WatchCourse, WatchCourses
from mezzotint_sdk.debug_records import WatchValue


def test_a_full_course_keeps_every_peak() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=5000)
    values[[17, 2500, 4321]] = 80.0, -90.0, 70.0
    course = WatchCourse(capacity=100)
    for x, value in enumerate(values):
        course.add(x, value)
    xs, ys = course.over_ops()
    assert 60 <= len(xs) <= 200
    assert bool(np.all(np.diff(xs) > 0))
    assert np.array_equal(ys, values[xs.astype(int)]), "each is a point that there was"
    for peak in (17, 2500, 4321):
        assert peak in xs
    spread = np.histogram(xs, bins=5, range=(0, 5000))[0]
    assert spread.min() > spread.max() / 3, "old ones are kept as well as new ones"
    assert course.last_op == 4999


def test_nan_is_kept_to_be_seen() -> None:
    course = WatchCourse(capacity=10)
    for x in range(200):
        course.add(x, np.nan if x == 33 else float(x))
    xs, ys = course.over_ops()
    assert 33 in xs
    assert np.isnan(ys[list(xs).index(33)])


def test_a_long_course_over_steps_has_last_values() -> None:
    course = WatchCourse(capacity=64)
    for x in range(1024):
        course.add(x, float(x))
    steps, values = course.over_steps(lambda ops: ops // 128)
    assert list(steps) == list(range(8))
    assert list(values) == [128 * (step + 1) - 1 for step in range(8)]


def test_over_steps_each_has_its_last_value_and_what_was_before_is_left_out() -> None:
    of_ops = np.array((-1, -1, 0, 0, 1, 1, 1, 2), np.float64)
    course = WatchCourse()
    for x in range(len(of_ops)):
        course.add(x, float(x))
    steps, values = course.over_steps(lambda ops: of_ops[ops.astype(int)])
    assert list(steps) == [0, 1, 2]
    assert list(values) == [3, 6, 7]
    assert [len(part) for part in WatchCourse().over_steps(lambda ops: ops)] == [0, 0]


def test_values_of_a_stop_are_shown_and_points_are_plotted() -> None:
    courses = WatchCourses()
    courses.take((WatchValue(expression="foo", text="no such name", failed=True),))
    assert courses.newest["foo"].failed
    courses.take((WatchValue(expression="a", value=1.0, text="1"),))
    assert courses.courses == {}, "the run's series gives the same value"
    courses.take_points("a", (1, 2), (1.0, 0.25), stands=True)
    assert courses.newest["a"].text == "1", "at a stop its value counts"
    courses.take_points("a", (2, 3), (0.25, 0.5), stands=False)
    assert list(courses.courses["a"].over_ops()[0]) == [1, 2, 3], "none is taken twice"
    assert courses.newest["a"].text == "0.5"
    courses.keep_only(["a"])
    assert list(courses.newest) == ["a"]


def test_a_run_that_begins_anew_has_new_curves() -> None:
    courses = WatchCourses()
    courses.take_points("a", (1, 2, 3), (1.0, 2.0, 3.0), stands=False)
    courses.stand_at(3)
    assert len(courses.courses["a"]) == 3
    courses.stand_at(0)
    assert courses.courses == {}
