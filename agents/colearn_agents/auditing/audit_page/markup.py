"""HTML whose texts are escaped by construction: whatever is no :class:`Html` is a stranger's text.

Escaping is that of the HTML Living Standard, sections 13.1.2.3 ("Attributes": quoted values) and 13.1.3
("Text"), as :func:`html.escape` does it. Control characters, bidirectional overrides among them, are spelt
out, since they would be obeyed where they are not seen.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from colearn_chain.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 2_000
"""Characters that are shown of one text; a stranger's can be as long as a file may be."""

_VOID = frozenset({"meta"})
"""Elements of this page without content, and so without an end tag."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """A value as text that reads as it is, in content and in attributes."""
    return value if isinstance(value, Html) else Html(html.escape(shown(value, LONGEST)))


def element(tag: str, *children: object, **attributes: object) -> Html:
    """An element.

    Args:
        tag: its name.
        children: its content, one after the other; None is left out.
        attributes: by name, with ``_`` for ``-`` and at the end of Python's keywords; None is left out.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{joined(children)}</{tag}>")


def joined(children: Iterable[object]) -> Html:
    """Parts one after the other; None is left out."""
    return Html("".join(text(child) for child in children if child is not None))
