"""The data sets of the examples: read from files that the user has, or a stand-in for who has none.

::

    data = load("mnist", Path("~/data/mnist"))
    data = load("mnist", "synthetic")
    print(data.label)

Files are read strictly and with numpy's means alone: nothing is unpickled, and what is not as its format has
it is refused by file and place. No error quotes a value of somebody's data. Whatever becomes of a value
depends on this value only, never on other rows: so parties that each read their own files agree.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colearn_backends.datasets import cifar10, covid, creditcard, fraud, mnist, stand_ins, xray
from colearn_backends.datasets.dataset import Dataset
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NAMES", "SYNTHETIC", "Dataset", "load"]

SYNTHETIC = "synthetic"
"""Stands for a stand-in where a folder is expected."""

_SETS: dict[str, tuple[Callable[[Path, int], Dataset], str, Callable[[int], Dataset]]] = {
    "mnist": (mnist.read, mnist.WHERE, stand_ins.digits_for_mnist),
    "cifar10": (cifar10.read, cifar10.WHERE, stand_ins.pictures_for_cifar10),
    "fraud": (fraud.read, fraud.WHERE, stand_ins.transactions_for_fraud),
    "creditcard": (creditcard.read, creditcard.WHERE, stand_ins.transactions_for_creditcard),
    "xray": (xray.read, xray.WHERE, stand_ins.pictures_for_xray),
    "covid": (covid.read, covid.WHERE, stand_ins.features_for_covid),
}

NAMES = tuple(_SETS)
"""What can be loaded."""


def load(name: str, data: Path | str, *, seed: int = 0) -> Dataset:
    """Read a data set, or make its stand-in.

    Args:
        name: one of ``NAMES``.
        data: the folder with the set's files, or ``"synthetic"``.
        seed: of a stand-in, and of the cut where a set has no test samples of its own.

    Raises:
        ConfigError: there is no such set, its files are missing (the message says where to get them), or a
            file is not what it has to be (the message names it and says what is wrong), or an extra is
            missing.
    """
    if name not in _SETS:
        raise ConfigError(f"there is no data set {name!r}, only {', '.join(NAMES)}")
    read, where, stand_in = _SETS[name]
    folder = Path(data).expanduser()
    try:
        if str(data) == SYNTHETIC:
            return stand_in(seed)
        if folder.is_dir():
            return read(folder, seed)
    except ImportError as error:
        raise ConfigError(f"{error}: pip install 'colearn-chain[plot,sklearn]' brings it") from error
    raise ConfigError(f"there is no folder {folder}. {where}")
