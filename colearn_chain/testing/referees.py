"""The reference model and the compiled contract behind one interface, so that one test can try both.

Both take functions by their Solidity names and raise RuleBroken with those of errors and their arguments.
"""

from __future__ import annotations

import re
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Protocol

from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.artefact import experiment_artefact
from colearn_chain.chain.signed_ballots import SignedBallot, by_ballot, domain_separator_of, recover_signer
from colearn_chain.rounds import (
    Ballot,
    Call,
    Experiment,
    Judged,
    Membership,
    Phase,
    Round,
    RuleBroken,
    Rules,
    Snapshot,
)
from colearn_chain.testing.bare_evm import BareContract, Reverted
from colearn_chain.types import Address, Digest, RoundNumber, Seat, Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from colearn_chain.chain.abi import Decoded

READER = Address("0x00000000000000000000000000000000000000Ee")
"""Who asks for views; a stranger to every experiment."""

NOBODY = Address("0x" + 40 * "0")
"""The signer of what is no signature, in the contract's events."""

ALL = 2**24
"""More than there ever are, for views that are paged."""


class Referee(Protocol):
    """An experiment as those who call it see it."""

    def call(self, function: str, sender: Address, now: int, *arguments: Any) -> None:
        """Call a function that changes something.

        Raises:
            RuleBroken: it refuses; nothing was changed.
        """

    def cast_ballots(
        self, sender: Address, now: int, number: RoundNumber, digest: Digest, signed: Sequence[SignedBallot]
    ) -> tuple[Judged, ...]:
        """Cast signed ballots; what became of each, approvals first, then rejections, then unavailables.

        Raises:
            RuleBroken: the batch is refused; nothing was changed.
        """

    def domain_separator(self) -> bytes:
        """The EIP-712 domain that ballots are signed for: 32 bytes."""

    def snapshot(self, learner: Address, now: int) -> Snapshot:
        """What ``learner`` sees; the block number is 0."""

    def rounds(self) -> list[Round]:
        """All that were opened."""

    def memberships(self) -> list[Membership]:
        """All that were made."""

    def learners(self) -> list[Membership]:
        """Those that the view of this name gives, in the order in which they were made."""

    def ballot_of(self, number: int, membership: int) -> Ballot:
        """A membership's ballot in a round."""

    def organizer(self) -> Address:
        """Who has the role; the zero address: nobody."""


def refusal(
    referee: Referee, function: str, sender: Address, now: int, *arguments: Any
) -> tuple[str, dict[str, Any]]:
    """Name and values of the error of a call that must be refused.

    Raises:
        AssertionError: the call was taken, or changed something although it was refused.
    """
    return _refusal(referee, lambda: referee.call(function, sender, now, *arguments))


def batch_refusal(
    referee: Referee, now: int, number: RoundNumber, digest: Digest, signed: Sequence[SignedBallot]
) -> tuple[str, dict[str, Any]]:
    """Name and values of the error of a batch of signed ballots that must be refused as a whole.

    Raises:
        AssertionError: the batch was taken, or changed something although it was refused.
    """
    return _refusal(referee, lambda: referee.cast_ballots(READER, now, number, digest, signed))


def _refusal(referee: Referee, attempt: Callable[[], object]) -> tuple[str, dict[str, Any]]:
    before = _state(referee)
    try:
        attempt()
    except RuleBroken as broken:
        if _state(referee) != before:
            raise AssertionError(f"{broken.name}, and yet something was changed") from broken
        return broken.name, broken.values
    raise AssertionError("the call was not refused")


def _state(referee: Referee) -> object:
    snapshot = referee.snapshot(READER, 0)
    return snapshot, referee.rounds(), referee.memberships(), referee.learners(), referee.organizer()


class ModelReferee:
    """The reference model."""

    def __init__(
        self, deployer: Address, rules: Rules, spec_digest: Digest, *, chain_id: int, address: Address
    ) -> None:
        self._experiment = Experiment.deploy(deployer, chain_id, address, rules, spec_digest)
        self._domain = domain_separator_of(chain_id, address)

    def call(self, function: str, sender: Address, now: int, *arguments: Any) -> None:
        """See ``Referee``."""
        method = getattr(self._experiment, re.sub("([A-Z])", r"_\1", function).lower())
        self._experiment = method(Call(sender, Timestamp(now)), *arguments)

    def cast_ballots(
        self, sender: Address, now: int, number: RoundNumber, digest: Digest, signed: Sequence[SignedBallot]
    ) -> tuple[Judged, ...]:
        """See ``Referee``."""
        signers = by_ballot(
            (each.ballot, recover_signer(each, self._domain, number, digest)) for each in signed
        )
        call = Call(sender, Timestamp(now))
        self._experiment, judged = self._experiment.cast_ballots(call, number, digest, signers)
        return judged

    def domain_separator(self) -> bytes:
        """See ``Referee``."""
        return self._domain

    def snapshot(self, learner: Address, now: int) -> Snapshot:
        """See ``Referee``."""
        return self._experiment.snapshot(learner, 0, Timestamp(now))

    def rounds(self) -> list[Round]:
        """See ``Referee``."""
        return list(self._experiment.rounds)

    def memberships(self) -> list[Membership]:
        """See ``Referee``."""
        return list(self._experiment.memberships)

    def learners(self) -> list[Membership]:
        """See ``Referee``."""
        return self._experiment.learners()

    def ballot_of(self, number: int, membership: int) -> Ballot:
        """See ``Referee``."""
        return self._experiment.ballot_of(number, membership)

    def organizer(self) -> Address:
        """See ``Referee``."""
        return self._experiment.organizer


class ContractReferee:
    """The compiled contract, in a bare EVM.

    Attributes:
        chain_id: the EVM's.
        address: the contract's.
    """

    def __init__(self, deployer: Address, rules: Rules, spec_digest: Digest) -> None:
        arguments = experiment_interface().encode_constructor(astuple(rules), spec_digest)
        try:
            self._contract = BareContract(experiment_artefact().bytecode + arguments, deployer)
        except Reverted as reverted:
            raise _rule_broken(reverted) from reverted
        self.address, self.chain_id = self._contract.address, self._contract.chain_id

    def call(self, function: str, sender: Address, now: int, *arguments: Any) -> None:
        """See ``Referee``."""
        try:
            self._contract.call(sender, now, experiment_interface().encode_call(function, *arguments))
        except Reverted as reverted:
            raise _rule_broken(reverted) from reverted

    def cast_ballots(
        self, sender: Address, now: int, number: RoundNumber, digest: Digest, signed: Sequence[SignedBallot]
    ) -> tuple[Judged, ...]:
        """See ``Referee``."""
        interface = experiment_interface()
        data = interface.encode_call("castBallots", number, digest, by_ballot(signed))
        try:
            answer, logs = self._contract.tell(sender, now, data)
        except Reverted as reverted:
            raise _rule_broken(reverted) from reverted
        events = [interface.decode_event(*log) for log in logs]
        judged = tuple(_judged(event) for event in events if event and event.name in _OF_BALLOTS)
        (counted,) = interface.decode_answer("castBallots", answer)
        if counted != sum(each.skip is None for each in judged):
            raise AssertionError(f"the contract says that {counted} were counted, its events: {judged}")
        return judged

    def domain_separator(self) -> bytes:
        """See ``Referee``."""
        return bytes(self._read("domainSeparator"))

    def snapshot(self, learner: Address, now: int) -> Snapshot:
        """See ``Referee``."""
        fields = dict(
            zip(Snapshot.__dataclass_fields__, self._read("snapshot", learner, now=now), strict=True)
        )
        return Snapshot(**fields | {"block_number": 0, "phase": Phase(fields["phase"])})

    def rounds(self) -> list[Round]:
        """See ``Referee``."""
        return [Round.from_word(word, Digest(digest)) for word, digest in self._read("rounds", 1, ALL)]

    def memberships(self) -> list[Membership]:
        """See ``Referee``."""
        return [_membership(fields) for fields in self._read("memberships", 0, ALL)]

    def learners(self) -> list[Membership]:
        """See ``Referee``."""
        covering = [_membership(fields) for fields in self._read("learners")]
        return sorted(covering, key=self.memberships().index)

    def ballot_of(self, number: int, membership: int) -> Ballot:
        """See ``Referee``."""
        return Ballot(self._read("ballotOf", number, membership))

    def organizer(self) -> Address:
        """See ``Referee``."""
        return Address(self._read("organizer"))

    def _read(self, view: str, *arguments: Any, now: int = 0) -> Any:
        data = self._contract.call(READER, now, experiment_interface().encode_call(view, *arguments))
        (answer,) = experiment_interface().decode_answer(view, data)
        return answer


def _membership(fields: tuple[str, int, int, int, int, bytes]) -> Membership:
    learner, seat, first, last, closings, key = fields
    return Membership(
        learner=Address(learner),
        seat=Seat(seat),
        first_round=RoundNumber(first),
        last_round=RoundNumber(last),
        closings=closings,
        encryption_key=key,
    )


_OF_BALLOTS = ("Voted", "BallotSkipped")


def _judged(event: Decoded) -> Judged:
    """What an event of the contract says of one signed ballot."""
    values = event.values
    if event.name == "Voted":
        return Judged(values["learner"], values["ballot"], None)
    nobody = values["signer"] == NOBODY
    return Judged(None if nobody else values["signer"], values["ballot"], values["reason"])


def _rule_broken(reverted: Reverted) -> RuleBroken:
    known = experiment_interface().decode_error(reverted.data)
    if known is None:
        raise AssertionError(f"the contract reverted without one of its errors: {reverted}") from reverted
    return RuleBroken(known.name, known.values)
