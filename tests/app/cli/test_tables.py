"""Tables for terminals: columns in line whatever the script, nothing that a terminal would obey."""

from __future__ import annotations

from mezzotint_app.cli.tables import format_bytes, format_table


def test_columns_stand_in_line() -> None:
    lines = format_table(("A", "LONGER", "LAST"), [("x", "1", "one"), ("yyy", "22", "two three")])
    assert lines == ["A    LONGER  LAST", "x    1       one", "yyy  22      two three"]


def test_wide_and_combining_signs_keep_columns_in_line() -> None:
    lines = format_table(("NAME", "X"), [("りんご", "1"), ("cafe\u0301", "2")])
    assert lines[1] == "りんご  1"
    assert lines[2] == "cafe\u0301    2"


def test_a_terminal_gets_what_fits() -> None:
    lines = format_table(("A", "PROMPT"), [("x", "word " * 50)], width=20)
    assert len(lines[1]) <= 20
    assert lines[1].endswith("…")


def test_escape_sequences_and_line_breaks_become_spaces() -> None:
    (_, line) = format_table(("A", "PROMPT"), [("x", "one\n\x1b[31mtwo\ttail\x07")])
    assert line == "x  one [31mtwo tail"


def test_a_prompt_of_a_megabyte_is_cut() -> None:
    (_, line) = format_table(("A", "PROMPT"), [("x", "long " * 200_000)])
    assert len(line) < 250


def test_bytes_as_people_read_them() -> None:
    assert [format_bytes(n) for n in (0, 1023, 1024, 5 << 20, 3 << 30)] == [
        "0 B",
        "1023 B",
        "1 KiB",
        "5 MiB",
        "3.0 GiB",
    ]
