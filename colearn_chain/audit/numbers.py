"""Round numbers as sentences have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def rounds_in_words(numbers: Iterable[int], most: int | None = None) -> str:
    """Say which rounds: ``round 3``, ``rounds 1 to 4, 7 and 9``.

    Args:
        numbers: at least one, ascending.
        most: how many numbers and runs are named before it is only said how many rounds more there are;
            None: all are.
    """
    runs = list(_runs(numbers))
    shown = runs if most is None else runs[:most]
    hidden = sum(len(run) for run in runs[len(shown) :])
    parts = [_run_in_words(run) for run in shown] + ([f"{hidden} more"] if hidden else [])
    *others, last = parts
    one = len(runs) == 1 and len(runs[0]) == 1
    return ("round " if one else "rounds ") + (f"{', '.join(others)} and {last}" if others else last)


def _runs(numbers: Iterable[int]) -> Iterator[range]:
    """Numbers that follow on each other."""
    run = range(0)
    for number in numbers:
        if number != run.stop:
            if run:
                yield run
            run = range(number, number)
        run = range(run.start, number + 1)
    if run:
        yield run


def _run_in_words(run: range) -> str:
    if len(run) == 1:
        return str(run.start)
    return f"{run.start} to {run.stop - 1}"
