"""Courses of watches: thinned when full, the last value of each step."""

from __future__ import annotations

import numpy as np

from mezzotint_app.state.watch_series import WatchCourse, WatchCourses
from mezzotint_sdk.debug_records import WatchValue


def test_a_full_course_is_thinned_and_keeps_its_newest_points() -> None:
    course = WatchCourse(capacity=100)
    for x in range(1000):
        course.add(x, x // 10, float(x))
    xs, values = course.over_ops()
    assert len(xs) <= 100
    assert np.array_equal(xs, values)
    assert bool(np.all(np.diff(xs) > 0))
    assert xs[0] == 0
    assert list(xs[-20:]) == list(range(980, 1000))


def test_over_steps_each_has_its_last_value_and_what_was_before_is_left_out() -> None:
    course = WatchCourse()
    for x, step in enumerate((-1, -1, 0, 0, 1, 1, 1, 2)):
        course.add(x, step, float(x))
    steps, values = course.over_steps()
    assert list(steps) == [0, 1, 2]
    assert list(values) == [3, 6, 7]
    assert [len(part) for part in WatchCourse().over_steps()] == [0, 0]


def test_values_without_a_number_are_told_and_not_plotted() -> None:
    courses = WatchCourses()
    courses.take((WatchValue(expression="foo", text="no such name", failed=True),), 1, 0)
    assert courses.newest["foo"].failed
    assert courses.courses == {}
    courses.take((WatchValue(expression="a", value=1.0, text="1"),), 1, 0, plotted=False)
    assert courses.courses == {}, "a report gives the same value again"
    courses.keep_only(["a"])
    assert list(courses.newest) == ["a"]
