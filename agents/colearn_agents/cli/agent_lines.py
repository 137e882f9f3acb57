"""An agent's events as people read them, one line each, and as programs do, one JSON object each."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from colearn_agents.cli.output import score
from colearn_agents.party import events
from colearn_agents.party.running import Began, Ended, Failed, Resumed
from colearn_agents.wording import counted, from_now, moment
from colearn_chain.errors import shown
from colearn_chain.rounds import Ballot, Closing, Phase, Status
from colearn_chain.storage import cid_of
from colearn_chain.types import NO_DIGEST, Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_agents.party.events import Event
    from colearn_chain.chain.networks import Finality

_PHASES = {
    Phase.JOINING: "no round is open",
    Phase.PROPOSING: "its proposal is awaited",
    Phase.VOTING: "it is being voted on",
    Phase.FINISHED: "all are closed",
}
_LONGEST = 1000
"""Characters of a line; what strangers wrote can be in it, and the journal has all of it."""

_WORD_BREAK = re.compile(r"(?<=[a-z])(?=[A-Z])")


def lines(event: Event, now: float) -> Iterator[str]:
    """Return what people are told of an event; of some nothing.

    Args:
        event: what happened.
        now: when, in seconds since 1970.
    """
    if isinstance(event, Began):
        yield from _opening(event, int(now))
    elif type(event) in _WORDS:
        words = shown(_WORDS[type(event)](event), _LONGEST)
        yield f"{moment(int(now))}  round {event.round:>3}  {words}"


def json_line(event: Event, now: float) -> str:
    """Return an event as one JSON object, without the end of its line.

    Args:
        event: what happened.
        now: when, in seconds since 1970.
    """
    kind = _WORD_BREAK.sub("_", type(event).__name__).lower()
    time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": time, "event": kind} | _document(event))


def short(digest: Digest) -> str:
    """As much of an artefact's CID as tells it from others."""
    cid = cid_of(digest)
    return f"{cid[:10]}…{cid[-6:]}"


# ---------------------------------------------------------------------------------------------------- words


def _opening(began: Began, now: int) -> Iterator[str]:
    yield f"Experiment {began.experiment}"
    stands = _PHASES[began.phase]
    if began.deadline is not None:
        stands += f", until {moment(began.deadline)} ({from_now(began.deadline, now)})"
    for heading, text in (
        ("called", shown(began.name)),
        ("learner", began.learner),
        ("round", f"{began.round} of {began.rounds}: {stands}"),
        ("trusted", f"{began.node} alone: what it says of the chain is believed"),
        ("blocks", f"count {_when(began.finality)}"),
        ("balance", began.money),
        ("journal", began.journal),
    ):
        yield f"  {heading:8} {text}"


def _when(finality: Finality) -> str:
    if finality == 0:
        return "at once"
    return (
        f"with {counted(finality, 'block')} on top"
        if isinstance(finality, int)
        else f"once they are {finality}"
    )


def _scores(event: events.Tested | events.Adopted) -> str:
    told = [("vote score", event.vote_score), ("test score", event.test_score)]
    scores = ", ".join(f"{name} {score(value)}" for name, value in told if value is not None)
    return f" ({scores})" if scores else ""


def _model(adopted: events.Adopted) -> str:
    if adopted.round == 0:
        return "the experiment's first weights"
    return f"the model of round {adopted.round}, {short(adopted.digest)}"


def _outcome(closed: events.RoundClosed) -> str:
    if closed.outcome is Status.SKIPPED:
        did = "passed its turn" if closed.closing is Closing.PASSED else "let its window run out"
        return f"{closed.proposer} {did}"
    counts = Counter(closed.ballots.values())
    others = (
        (Ballot.REJECT, "rejected"),
        (Ballot.UNAVAILABLE, "could not fetch or read it"),
        (Ballot.NONE, "silent"),
    )
    told = [f"{counts[Ballot.APPROVE]} of {counted(len(closed.ballots), 'voter')} approved"]
    told += [f"{counts[ballot]} {words}" for ballot, words in others if counts[ballot]]
    return f"{', '.join(told)}; proposed by {closed.proposer}"


def _reached(ended: Ended) -> str:
    closed = f"saw {counted(ended.closed, 'round')} close, {ended.accepted} of them accepted"
    return closed if ended.held is None else f"{closed}; holds {_model(ended.held)}{_scores(ended.held)}"


# ----------------------------------------------------------------------------------------------------- JSON


def _document(value: Any) -> dict[str, Any]:
    document = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    digest = getattr(value, "digest", NO_DIGEST)
    return document if digest == NO_DIGEST else document | {"cid": cid_of(digest)}


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.name.lower()
        case bytes():
            return "0x" + value.hex()
        case BaseModel():
            return value.model_dump(mode="json")
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
    return _document(value) if is_dataclass(value) else value


_WORDS: Mapping[type[Event], Callable[[Any], str]] = {
    events.Training: lambda _: "training",
    events.Proposed: lambda event: f"proposed {short(event.digest)}",
    events.TurnPassed: lambda event: f"passed its turn: {event.reason}",
    events.Tested: lambda event: f"tested {short(event.digest)}: {event.reason}{_scores(event)}",
    events.Voted: lambda event: f"voted {event.ballot.name.lower()}",
    events.Adopted: lambda event: f"now holds {_model(event)}{_scores(event)}",
    events.Advanced: lambda _: "closed the round, whose window had run out",
    events.RoundClosed: lambda event: f"{event.outcome.name.lower()}: {_outcome(event)}",
    Failed: lambda event: f"tries again in {event.pause:g} s: {event.reason}",
    Resumed: lambda event: f"works again, after {counted(event.failures, 'failure')}",
    Ended: lambda event: f"ended: {event.reason}; {_reached(event)}",
}
"""What people are told; events that are not here follow from others."""
