"""The contract's binding, accounts, transactions, and a chain to try them on.

The names are imported when they are first used: web3.py takes longer to import than everything else together.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from colearn_chain.chain.recursion import recursion_limit_kept

# web3.py's accounts bring it, whichever module here is imported first.
with recursion_limit_kept():
    import py_ecc  # noqa: F401 - so that the limit is not raised later

if TYPE_CHECKING:
    from colearn_chain.chain.accounts import Account
    from colearn_chain.chain.contract import ExperimentContract
    from colearn_chain.chain.embedded import EmbeddedChain, embedded_chain
    from colearn_chain.chain.fees import FeePolicy
    from colearn_chain.chain.node import BlockIdentifier, Node
    from colearn_chain.chain.receipts import Event, Receipt
    from colearn_chain.chain.signed_ballots import SignedBallot, sign_ballot
    from colearn_chain.chain.transactions import Patience, Sender

__all__ = [
    "Account",
    "BlockIdentifier",
    "EmbeddedChain",
    "Event",
    "ExperimentContract",
    "FeePolicy",
    "Node",
    "Patience",
    "Receipt",
    "Sender",
    "SignedBallot",
    "embedded_chain",
    "sign_ballot",
]

_HOMES = {
    "Account": "accounts",
    "BlockIdentifier": "node",
    "EmbeddedChain": "embedded",
    "Event": "receipts",
    "ExperimentContract": "contract",
    "FeePolicy": "fees",
    "Node": "node",
    "Patience": "transactions",
    "Receipt": "receipts",
    "Sender": "transactions",
    "SignedBallot": "signed_ballots",
    "embedded_chain": "embedded",
    "sign_ballot": "signed_ballots",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
