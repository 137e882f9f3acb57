"""CSV files with a known header (RFC 4180), row by row, and the numbers in them."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, NoReturn

from colearn_backends.datasets.dataset import broken
from colearn_chain.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Table:
    """A CSV file whose header is exactly these columns.

    Errors name file, line and column, and never what stands there: it is somebody's data.

    Args:
        path: the file, in UTF-8.
        columns: the header's names, in this order.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self._line = 0

    def rows(self) -> Iterator[list[str]]:
        """Give the rows after the header, one at a time, since the file may be large.

        Raises:
            ConfigError: the file cannot be read, its header is another one, a row has more or fewer cells, or
                there are no rows.
        """
        number = 0
        for number, row in enumerate(self._read()):
            if number == 0:
                self._check_header(row)
            elif len(row) != len(self.columns):
                self.refuse(f"{len(row)} cells, not {len(self.columns)}")
            else:
                yield row
        if number == 0:
            raise broken(self.path, "has no rows")

    def numbers(self, row: Sequence[str], places: Sequence[int]) -> list[float]:
        """Return the numbers in some cells of a row.

        Raises:
            ConfigError: one is no finite number.
        """
        values = self.numbers_or_gaps(row, places)
        for value, place in zip(values, places, strict=True):
            if math.isnan(value):
                self._refuse_number(place)
        return values

    def numbers_or_gaps(self, row: Sequence[str], places: Sequence[int]) -> list[float]:
        """Return the numbers in some cells of a row; NaN where a cell is empty or says so itself.

        Raises:
            ConfigError: one is no number, or infinite.
        """
        try:
            values = [float(row[place]) if row[place] else math.nan for place in places]
        except ValueError:
            values = [_number(row[place]) for place in places]
        for infinite in (math.inf, -math.inf):
            if infinite in values:
                self._refuse_number(places[values.index(infinite)])
        return values

    def flag(self, row: Sequence[str], place: int) -> int:
        """Return the 0 or 1 in a cell.

        Raises:
            ConfigError: it is neither.
        """
        if row[place] not in {"0", "1"}:
            self.refuse(f"{self.columns[place]} is neither 0 nor 1")
        return int(row[place])

    def refuse(self, problem: str) -> NoReturn:
        """Raise the error that names file and line and says what is wrong with the row read last."""
        raise broken(self.path, f"line {self._line}: {problem}")

    def _read(self) -> Iterator[list[str]]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.reader(stream, strict=True)
                for row in reader:
                    self._line = reader.line_num
                    yield row
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise broken(self.path, f"cannot be read after line {self._line}: {shown(error)}") from error

    def _check_header(self, header: list[str]) -> None:
        for number, (found, wanted) in enumerate(zip(header, self.columns, strict=False), start=1):
            if found != wanted:
                self.refuse(f"column {number} is not called {wanted}")
        if len(header) != len(self.columns):
            self.refuse(f"{len(header)} columns, not {len(self.columns)}")

    def _refuse_number(self, place: int) -> NoReturn:
        self.refuse(f"{self.columns[place]} is no finite number")


def _number(cell: str) -> float:
    """What a cell says; infinity for what is no number, so that it is refused as such."""
    try:
        return float(cell or math.nan)
    except ValueError:
        return math.inf
