"""What is coloured in a source, line by line."""

from __future__ import annotations

from mezzotint_app.opdebug.python_tokens import tokens_of

SOURCE = '''"""Doc
goes on."""
@wraps
def step(self, x):  # why
    text = f"a {x}" + 'b'
    return x * 2.5e3 if text else None
'''


def words(line: int, kind: str) -> list[str]:
    text = SOURCE.split("\n")[line]
    return [text[start : start + length] for start, length, found in tokens_of(SOURCE)[line] if found == kind]


def test_strings_over_several_lines_end_where_they_end() -> None:
    assert words(0, "string") == ['"""Doc']
    assert words(1, "string") == ['goes on."""']
    assert words(2, "string") == []


def test_names_keywords_numbers_and_comments() -> None:
    assert words(2, "decorator") == ["@wraps"]
    assert words(3, "keyword") == ["def"]
    assert words(3, "name") == ["step"]
    assert words(3, "self") == ["self"]
    assert words(3, "comment") == ["# why"]
    assert words(4, "string") == ['f"a {x}"', "'b'"]
    assert words(5, "keyword") == ["return", "if", "else", "None"]
    assert words(5, "number") == ["2.5e3"]


def test_text_that_is_no_python_has_as_many_lines() -> None:
    for text in ("", "\n\n", "'''never closed\nx", '"\\', "\x00\u2028ß = 1"):
        assert len(tokens_of(text)) == len(text.split("\n"))
