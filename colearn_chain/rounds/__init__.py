"""The rounds of an experiment, without I/O, clock or randomness: all of them are arguments."""

from colearn_chain.rounds.experiment import Call, Experiment
from colearn_chain.rounds.history import ClosedRound, History, fold
from colearn_chain.rounds.membership import Membership
from colearn_chain.rounds.roster import Roster, seats_of
from colearn_chain.rounds.rules import RuleBroken, Rules
from colearn_chain.rounds.snapshot import Phase, Snapshot
from colearn_chain.rounds.word import UNOPENED, Ballot, Closing, Round, Status

__all__ = [
    "UNOPENED",
    "Ballot",
    "Call",
    "ClosedRound",
    "Closing",
    "Experiment",
    "History",
    "Membership",
    "Phase",
    "Roster",
    "Round",
    "RuleBroken",
    "Rules",
    "Snapshot",
    "Status",
    "fold",
    "seats_of",
]
