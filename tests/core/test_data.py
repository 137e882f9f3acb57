"""Lists in parts, and the folder of private data."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.data import get_data, split_list_into_fractions
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@given(st.integers(0, 500), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_fractions_of_the_whole_lose_nothing(count: int, weights: list[int]) -> None:
    """Parts are consecutive, together they are the list, and each ends where exact arithmetic says."""
    fractions = [weight / sum(weights) for weight in weights]
    items = list(range(count))
    parts = split_list_into_fractions(items, fractions, min_part_size=0)
    assert [item for part in parts for item in part] == items
    exact, end = Fraction(0), 0
    for weight, part in zip(weights, parts, strict=True):
        exact += Fraction(weight, sum(weights))
        end += len(part)
        assert end == math.floor(count * exact)


def test_the_rest_is_left_out() -> None:
    """Fractions below one whole take the beginning."""
    assert split_list_into_fractions(list(range(10)), [0.3, 0.5]) == [[0, 1, 2], [3, 4, 5, 6, 7]]


def test_sums_of_floats_are_not_cut_short() -> None:
    """29 % of 100 are 29, though 100 * 0.29 is a little less."""
    assert [len(part) for part in split_list_into_fractions(list(range(100)), [0.29, 0.71])] == [29, 71]


def test_arrays_are_cut_along_their_first_axis() -> None:
    """Rows stay whole."""
    parts = split_list_into_fractions(np.arange(12).reshape(6, 2), [0.5, 0.5])
    assert [part.shape for part in parts] == [(3, 2), (3, 2)]


@pytest.mark.parametrize("fractions", [[0.7, 0.7], [-0.1, 0.5], [math.nan], [math.inf]])
def test_fractions_that_are_no_shares_are_refused(fractions: list[float]) -> None:
    """More than the whole, less than nothing, no number: the error shows them."""
    with pytest.raises(ConfigError, match="the fractions"):
        split_list_into_fractions(list(range(10)), fractions)


def test_a_part_that_comes_out_too_small_is_refused() -> None:
    """The error names the part and both sizes."""
    with pytest.raises(ConfigError, match="part 1 has 1 of 10 items, fewer than 2"):
        split_list_into_fractions(list(range(10)), [0.8, 0.1], min_part_size=2)


def test_a_local_folder_is_found_by_path_and_by_url(tmp_path: Path) -> None:
    """A file:// URL names the same folder, blanks and all."""
    folder = tmp_path / "my data"
    folder.mkdir()
    assert get_data(folder) == get_data(str(folder)) == get_data(folder.as_uri()) == folder
    assert get_data(f"file://localhost{folder.as_uri().removeprefix('file://')}") == folder


def test_the_home_folder_can_be_written_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get_data("~") == tmp_path


@pytest.mark.parametrize("place", ["gs://bucket/data", "https://example.org/data", "file://elsewhere/data"])
def test_nothing_is_downloaded(place: str) -> None:
    """What is not on this machine is refused, by its name."""
    with pytest.raises(ConfigError, match=place):
        get_data(place)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Nor is a file a folder."""
    (tmp_path / "file").write_text("")
    for name in ("nothing", "file"):
        with pytest.raises(ConfigError, match=name):
            get_data(tmp_path / name)
