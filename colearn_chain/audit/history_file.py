"""An experiment's history as one file: closed rounds, memberships, rules and card, in canonical JSON.

Whoever has the contract's history hash checks the whole file against it, with no node at all. Seats stand in
lists, from the lowest, so that every set of them has one form. Nothing is in the file that the closed rounds
do not prove: an ending that takes effect after them is left out, since no electorate shows it yet.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from colearn_chain.artefacts.card import Card, HashText  # noqa: TC001 - pydantic reads them
from colearn_chain.artefacts.documents import AddressText, Document, Part
from colearn_chain.errors import InvalidArtefact, shown
from colearn_chain.rounds import Closing, History, Membership, Round, Rules, Status, seats_of
from colearn_chain.types import NO_DIGEST, NO_END, SEATS, Address, Digest, RoundNumber, Seat, Timestamp

_NEVER = 2**40
"""Times are uint40."""

_Number = Annotated[int, Field(ge=0, lt=NO_END)]
_SeatNumber = Annotated[int, Field(ge=0, lt=SEATS)]


def _check_ascending(seats: tuple[int, ...]) -> tuple[int, ...]:
    if list(seats) != sorted(set(seats)):
        raise ValueError("seats stand from the lowest to the highest, each once")
    return seats


def _check_checksum(address: str) -> str:
    from eth_utils.address import to_checksum_address  # noqa: PLC0415 - takes 0.1 s of CPU

    if address != to_checksum_address(address):
        raise ValueError("its capitals are not those of its checksum (EIP-55)")
    return address


def _check_start(rules: Rules) -> Rules:
    if not 0 <= rules.start_deadline < _NEVER:
        raise ValueError(f"start_deadline {rules.start_deadline} is no uint40")
    return rules


_AddressText = Annotated[AddressText, AfterValidator(_check_checksum)]
_Seats = Annotated[tuple[_SeatNumber, ...], AfterValidator(_check_ascending)]


class MembershipPart(Part):
    """A membership; ``last_round`` is null when no closed round came after its end."""

    learner: _AddressText
    seat: _SeatNumber
    first_round: _Number
    last_round: _Number | None
    closings: _Number
    encryption_key: HashText

    @classmethod
    def of(cls, made: Membership, closed: int) -> Self:
        """A membership as the file has it after so many closed rounds."""
        return cls(
            learner=made.learner,
            seat=made.seat,
            first_round=made.first_round,
            last_round=_shown_end(made.first_round, made.last_round, closed),
            closings=made.closings,
            encryption_key=_hex(made.encryption_key),
        )

    def membership(self) -> Membership:
        """The value."""
        return Membership(
            learner=Address(self.learner),
            seat=Seat(self.seat),
            first_round=RoundNumber(self.first_round),
            last_round=RoundNumber(NO_END if self.last_round is None else self.last_round),
            closings=self.closings,
            encryption_key=_octets(self.encryption_key),
        )


class RoundPart(Part):
    """A closed round; ``digest`` is null where nothing was proposed, ``time``: of its closing."""

    electorate: _Seats
    approvals: _Seats
    rejections: _Seats
    unavailables: _Seats
    proposer: _SeatNumber
    status: Annotated[str, StringConstraints(pattern=r"^(accepted|rejected|skipped)$")]
    closing: Annotated[str, StringConstraints(pattern=r"^(complete|deadline|certain|passed)$")]
    time: Annotated[int, Field(ge=0, lt=_NEVER)]
    digest: HashText | None

    @classmethod
    def of(cls, closed: Round) -> Self:
        """A closed round as the file has it."""
        return cls(
            electorate=tuple(seats_of(closed.electorate)),
            approvals=tuple(seats_of(closed.approvals)),
            rejections=tuple(seats_of(closed.rejections)),
            unavailables=tuple(seats_of(closed.unavailables)),
            proposer=closed.proposer,
            status=closed.status.name.lower(),
            closing=closed.closing.name.lower(),
            time=closed.time,
            digest=None if closed.digest == NO_DIGEST else _hex(closed.digest),
        )

    def round(self) -> Round:
        """The value.

        Raises:
            InvalidArtefact: a seat has two ballots.
        """
        cast = (*self.approvals, *self.rejections, *self.unavailables)
        if len(set(cast)) != len(cast):
            raise InvalidArtefact(f"a seat has two ballots: {sorted(cast)}", subject="ballots", value=cast)
        lower, higher = (*self.approvals, *self.unavailables), (*self.rejections, *self.unavailables)
        return Round(
            electorate=_bitmap(self.electorate),
            ballots=_bitmap(lower) | _bitmap(higher) << SEATS,
            proposer=Seat(self.proposer),
            status=Status[self.status.upper()],
            closing=Closing[self.closing.upper()],
            time=Timestamp(self.time),
            digest=NO_DIGEST if self.digest is None else Digest(_octets(self.digest)),
        )


class HistoryFile(Document):
    """The exported history of an experiment.

    Attributes:
        card: where the experiment is and how it came there.
        address: the contract's.
        first_organizer: who deployed it.
        spec_digest: of what all started from.
        rules: fixed at deployment.
        memberships: all that were made, in order.
        rounds: all that were closed, from round 1.
        history_hash: the contract's after all of them.
    """

    MOST_BYTES: ClassVar[int] = 256 * 1024 * 1024

    format: Literal["colearn-chain/closed-history"] = "colearn-chain/closed-history"
    version: Literal[1] = 1
    card: Card
    address: _AddressText
    first_organizer: _AddressText
    spec_digest: HashText
    rules: Annotated[Rules, AfterValidator(_check_start)]
    memberships: tuple[MembershipPart, ...]
    rounds: tuple[RoundPart, ...]
    history_hash: HashText

    @classmethod
    def of(cls, card: Card, history: History) -> Self:
        """The file of a history.

        Raises:
            InvalidArtefact: a value of the history is none that a file may have.
        """
        try:
            return cls(
                card=card,
                address=history.address,
                first_organizer=history.first_organizer,
                spec_digest=_hex(history.spec_digest),
                rules=history.rules,
                memberships=tuple(
                    MembershipPart.of(made, len(history.rounds)) for made in history.memberships
                ),
                rounds=tuple(RoundPart.of(closed) for closed in history.rounds),
                history_hash=_hex(history.history_hash),
            )
        except ValidationError as error:
            raise InvalidArtefact(f"no file can say this: {shown(error)}", subject="history") from error

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        for index, made in enumerate(self.memberships):
            end = NO_END if made.last_round is None else made.last_round
            if made.last_round != _shown_end(made.first_round, end, len(self.rounds)):
                raise ValueError(f"membership {index}: the closed rounds do not show last_round {end}")
        return self

    def history(self) -> History:
        """What the file says happened; unchecked.

        Raises:
            InvalidArtefact: a seat has two ballots in a round.
        """
        return History(
            chain_id=self.card.chain_id,
            address=Address(self.address),
            rules=self.rules,
            spec_digest=Digest(_octets(self.spec_digest)),
            first_organizer=Address(self.first_organizer),
            memberships=tuple(part.membership() for part in self.memberships),
            rounds=tuple(part.round() for part in self.rounds),
            history_hash=_octets(self.history_hash),
        )


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _octets(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _shown_end(first: int, last: int, closed: int) -> int | None:
    """The last round of a membership, as far as closed rounds show it; it may be the one before its first."""
    end = max(last, first - 1)
    return None if end >= closed else end


def _bitmap(seats: tuple[int, ...]) -> int:
    return sum(1 << seat for seat in seats)
