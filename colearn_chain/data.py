"""Private data from a local folder, and lists in parts.

Splitting labelled data over learners, unequally too, is ``colearn_backends.splitting``.
"""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_Items = TypeVar("_Items", "list[Any]", "npt.NDArray[Any]")

_ROUNDING = 1e-9
"""What sums of fractions such as 0.1 + 0.2 may be off by."""


def split_list_into_fractions(
    input_list: _Items, fractions_list: Sequence[float], min_part_size: int = 1
) -> list[_Items]:
    """Cut a list or an array into consecutive parts.

    A part ends at its fraction of the whole, counted from the start and rounded down. So fractions that sum
    to 1 lose nothing (three thirds of 100 are 33, 33 and 34), and with a smaller sum the rest at the end is
    left out.

    Args:
        input_list: n items.
        fractions_list: the size of each part, as a share of n.
        min_part_size: how many items each part has to have.

    Returns:
        One slice for each fraction.

    Raises:
        ConfigError: a fraction is negative or no number, they sum to more than 1, or a part comes out too
            small.
    """
    if any(not math.isfinite(fraction) or fraction < 0 for fraction in fractions_list):
        raise ConfigError(f"the fractions {list(fractions_list)} are not all numbers of at least 0")
    if sum(fractions_list) > 1 + _ROUNDING:
        raise ConfigError(
            f"the fractions {list(fractions_list)} sum to {sum(fractions_list):g}, more than the whole"
        )
    ends: list[int] = [
        math.floor(len(input_list) * share + _ROUNDING) for share in accumulate(fractions_list)
    ]
    parts = [input_list[start:end] for start, end in pairwise([0, *ends])]
    for index, part in enumerate(parts):
        if len(part) < min_part_size:
            raise ConfigError(
                f"part {index} has {len(part)} of {len(input_list)} items, fewer than {min_part_size}"
            )
    return parts


def get_data(data_dir: str | Path) -> Path:
    """Find the folder that a learner's data lie in.

    Args:
        data_dir: a path, where ``~`` is the home folder, or a ``file://`` URL (RFC 8089) of this machine.

    Returns:
        The folder; nothing is copied.

    Raises:
        ConfigError: it is a URL of another kind (nothing is downloaded), or there is no such folder.
    """
    folder = _local_path(str(data_dir)).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    return folder


def _local_path(place: str) -> Path:
    if "://" not in place:
        return Path(place)
    url = urlsplit(place)
    if url.scheme != "file" or url.netloc not in {"", "localhost"}:
        raise ConfigError(f"{place} is not on this machine: fetch it first and name the folder")
    return Path(unquote(url.path))
