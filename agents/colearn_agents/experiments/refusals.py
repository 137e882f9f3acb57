"""Why the contract refuses a call, in sentences; ``contracts/interfaces/IExperiment.sol`` has its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearn_agents.wording import counted, moment
from colearn_chain.rounds import Phase
from colearn_chain.types import NO_END, SEATS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colearn_chain.errors import ContractReverted

    Values = Mapping[str, Any]


def in_words(refusal: ContractReverted) -> str:
    """Say in one sentence why the contract refuses; what has none here keeps the contract's own name."""
    explain = _SENTENCES.get(refusal.name)
    return str(refusal) if explain is None else explain(refusal.values)


def _already_member(values: Values) -> str:
    last = values["lastRound"]
    until = "" if last == NO_END else f" up to round {last}"
    return f"{values['learner']} is a member already{until}"


def _not_active(values: Values) -> str:
    last = values["lastRound"]
    if last == 0:
        return f"{values['learner']} is no member"
    return f"the membership of {values['learner']} ends with round {last} already"


def _not_joining(values: Values) -> str:
    if values["phase"] is Phase.FINISHED:
        return "the experiment is finished: it has played all its rounds"
    return "a round is open already"


def _too_few_learners(values: Values) -> str:
    joined, least = values["learners"], values["minLearners"]
    return f"{counted(joined, 'learner')} would take part, and no round opens with fewer than {least}"


def _too_late(values: Values) -> str:
    first, last = values["firstRound"], values["maxRounds"]
    return f"it is too late to join: round {first} would be the first, and round {last} is the last there is"


def _too_few_misses(values: Values) -> str:
    missed = counted(values["misses"], "round")
    return f"{values['learner']} has missed {missed}; it can be removed after {values['idleRounds']} in a row"


_SENTENCES: dict[str, Callable[[Values], str]] = {
    "NotOrganizer": lambda values: f"only the organizer may do this, and {values['caller']} is not",
    "ZeroAddress": lambda _: "the zero address is nobody's",
    "AlreadyInvited": lambda values: f"{values['learner']} is invited already",
    "NotInvited": lambda values: f"{values['learner']} has no invitation; the organizer can give it one",
    "AlreadyMember": _already_member,
    "NoSeatFree": lambda _: f"all {SEATS} seats are taken",
    "TooLateToJoin": _too_late,
    "NotActive": _not_active,
    "NotJoining": _not_joining,
    "StartReserved": lambda values: (
        f"until {moment(values['startDeadline'])} only the organizer may start the next round"
    ),
    "TooFewLearners": _too_few_learners,
    "NotOpen": lambda _: "no round is open",
    "DeadlineNotPassed": lambda values: (
        f"round {values['round']} is open until {moment(values['deadline'])}, by the chain's clock"
    ),
    "TookPart": lambda values: f"{values['learner']} is not idle: it took part in round {values['round']}",
    "TooFewMisses": _too_few_misses,
}
