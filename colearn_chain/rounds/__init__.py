"""The rounds of an experiment, without I/O, clock or randomness: all of them are arguments."""

from colearn_chain.rounds.actions import (
    Action,
    Adopt,
    Advance,
    AskKey,
    Contribute,
    PassTurn,
    Propose,
    ShareKey,
    Start,
    Stop,
    View,
    Vote,
    Wait,
    next_action,
)
from colearn_chain.rounds.experiment import Call, Experiment
from colearn_chain.rounds.history import ClosedRound, History, fold
from colearn_chain.rounds.lifecycle import Judged, voters_of
from colearn_chain.rounds.membership import Membership
from colearn_chain.rounds.roster import Roster, seats_of
from colearn_chain.rounds.rules import RuleBroken, Rules
from colearn_chain.rounds.snapshot import Phase, Snapshot
from colearn_chain.rounds.word import UNOPENED, Ballot, Closing, Round, Skip, Status

__all__ = [
    "UNOPENED",
    "Action",
    "Adopt",
    "Advance",
    "AskKey",
    "Ballot",
    "Call",
    "ClosedRound",
    "Closing",
    "Contribute",
    "Experiment",
    "History",
    "Judged",
    "Membership",
    "PassTurn",
    "Phase",
    "Propose",
    "Roster",
    "Round",
    "RuleBroken",
    "Rules",
    "ShareKey",
    "Skip",
    "Snapshot",
    "Start",
    "Status",
    "Stop",
    "View",
    "Vote",
    "Wait",
    "fold",
    "next_action",
    "seats_of",
    "voters_of",
]
