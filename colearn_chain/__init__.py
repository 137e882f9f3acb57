"""Collective learning between parties that do not trust each other, refereed by a smart contract.

Where things are, from the bottom up (docs/architecture.md says why):

* ``errors``, ``types``: the error tree and the names of things.
* ``ml_interface``: what a learner has to do.
* ``weights``: named arrays, their canonical bytes, and the checks on bytes from strangers.
* ``rounds``: the life cycle of a round, without I/O, clock or randomness.
* ``artefacts``: manifest and experiment spec, and what a valid proposal is.
* ``driver``, ``results``, ``plotting``: developing a model without a chain.
* ``storage``: content-addressed folders.
* ``chain``: the contract's binding, accounts, transactions, the embedded chain.
* ``accepted``: the model that was accepted, verified from the card down; :func:`load_accepted` is here too.
* ``testing``: fakes that ship.

Importing this package imports none of them: each is there when it is asked for by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colearn_chain.accepted import AcceptedModel, load_accepted

__all__ = ["AcceptedModel", "__version__", "load_accepted"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from colearn_chain import accepted  # noqa: PLC0415 - imports web3

    return getattr(accepted, name)
