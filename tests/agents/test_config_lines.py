"""Finding lines in TOML files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_agents.configuration.toml_lines import Key, line_of

TEXT = '''# a comment

first = 1
[one]
many = [
    "a",   # [two]
    "b",
]
text = """
[two]
first = 2
"""

[two]
inline = { deep = 3 }
dotted.deep = 4

[[rows]]
x = 1
[[rows]]
x = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["first"], 3),
        (["one"], 4),
        (["one", "many"], 5),
        (["one", "many", 1], 5),
        (["one", "text"], 9),
        (["one", "absent"], 4),
        (["one", "many", 7], 5),
        (["two"], 14),
        (["two", "inline", "deep"], 15),
        (["two", "dotted", "deep"], 16),
        (["rows", 1, "x"], 21),
        (["rows", 1, "absent"], 20),
        (["absent"], None),
        ([], None),
    ],
)
def test_the_line_in_which_a_value_begins(path: list[Key], line: int | None) -> None:
    """Strings and comments that look like tables mislead nobody; what is absent is where it would belong."""
    assert line_of(TEXT, path) == line


@given(
    st.lists(st.sampled_from(["", "# note", "{} = 1", '{} = """\n[{}]\n"""', "{} = [\n1,\n]"]), max_size=12)
)
def test_every_key_is_found_where_it_was_written(shapes: list[str]) -> None:
    """Whatever stands before it, a key's line is the one that it was written into."""
    text, lines = "", {}
    for number, shape in enumerate(shapes):
        if "{}" in shape:
            lines[f"k{number}"] = text.count("\n") + 1
        text += shape.replace("{}", f"k{number}") + "\n"
    assert {key: line_of(text, [key]) for key in lines} == lines
