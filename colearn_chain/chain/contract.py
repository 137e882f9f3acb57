"""The contract ``contracts/Experiment.sol``: one method for each of its functions, by its name in snake case.

Reads take the block that they are about. Writes take who signs, ask the contract beforehand (a refusal costs
nothing) and return once the transaction is mined. The rules stand in
``contracts/interfaces/IExperiment.sol``, beside each function.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.artefact import experiment_artefact
from colearn_chain.chain.node import NOBODY, BlockIdentifier, Node, quantity
from colearn_chain.chain.signed_ballots import by_ballot
from colearn_chain.errors import ChainError, ConfigError, ContractReverted
from colearn_chain.rounds import Ballot, History, Membership, Phase, Round, Rules, Snapshot
from colearn_chain.types import SEATS, Address, Digest, Progress, RoundNumber, unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from colearn_chain.chain.receipts import Receipt
    from colearn_chain.chain.signed_ballots import SignedBallot
    from colearn_chain.chain.transactions import Sender

T = TypeVar("T")

NO_KEY = bytes(32)
"""Joining without an encryption key."""

PAGE = 500
"""Rounds or memberships read with one call; 500 cost 2.5M gas, far below what nodes allow a call."""

MOST_MEMBERSHIPS = 1 << 20
"""More than anybody pays for: a join costs some 100,000 gas."""


def creation_code(rules: Rules, spec_digest: Digest) -> bytes:
    """What a transaction has to carry to make an experiment: initcode and the constructor's arguments.

    Raises:
        ConfigError: a rule does not even fit its Solidity type.
    """
    arguments = experiment_interface().encode_constructor(dataclasses.astuple(rules), spec_digest)
    return experiment_artefact().bytecode + arguments


class ExperimentContract:
    """One deployed experiment.

    Every read raises ``ChainError`` when the node does not answer, and ``ConfigError`` when what answers is
    no experiment. Every write raises what :meth:`~colearn_chain.chain.transactions.Sender.send` raises.

    Args:
        node: where reads go.
        address: where the contract is.

    Attributes:
        node: where reads go.
        address: where the contract is.
        deployment: the receipt of the deployment, when :meth:`deploy` made it.
        raw_deployment: likewise its raw signed transaction, of which a card is made.
    """

    def __init__(
        self,
        node: Node,
        address: Address,
        *,
        deployment: Receipt | None = None,
        raw_deployment: bytes | None = None,
    ) -> None:
        self.node = node
        self.address = address
        self.deployment = deployment
        self.raw_deployment = raw_deployment
        self._known = deployment is not None

    @classmethod
    def deploy(cls, sender: Sender, rules: Rules, spec_digest: Digest) -> ExperimentContract:
        """Deploy an experiment; the sender becomes its organizer.

        Raises:
            ContractReverted: ``RuleOutOfRange`` or ``EmptyDigest``.
            ConfigError: a rule does not even fit its Solidity type.
        """
        receipt = sender.send(None, creation_code(rules, spec_digest))
        return cls(sender.node, receipt.contract, deployment=receipt, raw_deployment=sender.last_mined)

    @property
    def chain_id(self) -> int:
        """The id of the chain that it is on (EIP-155)."""
        return self.node.chain_id

    def __repr__(self) -> str:
        return f"ExperimentContract({self.address} at {self.node!r})"

    # --------------------------------------------------------------------------------- the organizer's calls

    def invite(self, sender: Sender, learners: Sequence[Address]) -> Receipt:
        """Invite learners: the organizer's call.

        An invitation survives resigning and idleness, not removal.
        """
        return self._write(sender, "invite", list(learners))

    def remove(self, sender: Sender, learner: Address) -> Receipt:
        """Withdraw a learner's invitation and end its membership: the organizer's call.

        The membership ends with the round after the open one; at once when no round is open.
        """
        return self._write(sender, "remove", learner)

    def transfer_organizer(self, sender: Sender, to: Address) -> Receipt:
        """Hand the organizer's role over: the organizer's call."""
        return self._write(sender, "transferOrganizer", to)

    def renounce_organizer(self, sender: Sender) -> Receipt:
        """Give the organizer's role up for good: the organizer's call."""
        return self._write(sender, "renounceOrganizer")

    # -------------------------------------------------------------------------------------------- membership

    def join(self, sender: Sender, encryption_key: bytes = NO_KEY) -> Receipt:
        """Take the lowest free seat, from the round after the next; from the next when no round is open.

        Args:
            sender: an invited learner.
            encryption_key: X25519 public key, 32 bytes, that content keys are wrapped to; all zero: none.
        """
        return self._write(sender, "join", encryption_key)

    def resign(self, sender: Sender) -> Receipt:
        """End the sender's membership with the open round; at once when no round is open."""
        return self._write(sender, "resign")

    def remove_idle(self, sender: Sender, learner: Address) -> Receipt:
        """End the membership of a learner that missed ``idle_rounds`` rounds: anyone's call."""
        return self._write(sender, "removeIdle", learner)

    # ------------------------------------------------------------------------------------------------ rounds

    def start(self, sender: Sender) -> Receipt:
        """Open the next round, when none is open: the organizer's call; after ``start_deadline`` anyone's."""
        return self._write(sender, "start")

    def contribute(self, sender: Sender, number: RoundNumber, digest: Digest) -> Receipt:
        """Announce the sender's update in a fan-in round; an event, nothing is stored."""
        return self._write(sender, "contribute", number, digest)

    def propose(self, sender: Sender, number: RoundNumber, digest: Digest) -> Receipt:
        """Put up the round's proposal: its proposer's call, until the deadline. The voting window begins."""
        return self._write(sender, "propose", number, digest)

    def pass_turn(self, sender: Sender, number: RoundNumber) -> Receipt:
        """Close the round as Skipped and open the next: its proposer's call, until the deadline."""
        return self._write(sender, "passTurn", number)

    def cast_ballot(self, sender: Sender, number: RoundNumber, digest: Digest, ballot: Ballot) -> Receipt:
        """Cast the sender's one ballot on a digest, until the deadline; the last ballot closes the round."""
        return self._write(sender, "castBallot", number, digest, int(ballot))

    def cast_ballots(
        self, sender: Sender, number: RoundNumber, digest: Digest, signed: Sequence[SignedBallot]
    ) -> Receipt:
        """Cast ballots that their learners signed: anyone's call, until the deadline.

        Each that cannot be counted is skipped with a ``BallotSkipped`` event and spoils no other.
        """
        return self._write(sender, "castBallots", number, digest, by_ballot(signed))

    def advance(self, sender: Sender, number: RoundNumber) -> Receipt:
        """Close a round whose window has run out: anyone's call, after the deadline."""
        return self._write(sender, "advance", number)

    # -------------------------------------------------------------------------------------------------- keys

    def ask_key(self, sender: Sender, number: RoundNumber) -> Receipt:
        """Ask the other learners for the content key of a round's artefact; an event, nothing is stored."""
        return self._write(sender, "askKey", number)

    def share_key(self, sender: Sender, number: RoundNumber, learner: Address, wrapped: bytes) -> Receipt:
        """Hand a learner the content key of a round's artefact, wrapped: at most 256 bytes; an event."""
        return self._write(sender, "shareKey", number, learner, wrapped)

    # ------------------------------------------------------------------------------------------------- views

    def rules(self, *, block: BlockIdentifier = "latest") -> Rules:
        """Return the rules, fixed at deployment."""
        return _value(Rules, self._read("rules", block=block))

    def spec_digest(self, *, block: BlockIdentifier = "latest") -> Digest:
        """Return the digest of the experiment's spec, fixed at deployment."""
        return Digest(self._read("specDigest", block=block))

    def organizer(self, *, block: BlockIdentifier = "latest") -> Address:
        """Return the organizer; the zero address when the role was given up."""
        return Address(self._read("organizer", block=block))

    def first_organizer(self, *, block: BlockIdentifier = "latest") -> Address:
        """Return who deployed it."""
        return Address(self._read("firstOrganizer", block=block))

    def history_hash(self, *, block: BlockIdentifier = "latest") -> bytes:
        """Return the 32 bytes that commit to everything decided so far."""
        return bytes(self._read("historyHash", block=block))

    def domain_separator(self, *, block: BlockIdentifier = "latest") -> bytes:
        """Return the 32 bytes of the EIP-712 domain that ballots are signed for."""
        return bytes(self._read("domainSeparator", block=block))

    def phase(self, *, block: BlockIdentifier = "latest") -> Phase:
        """Return where the experiment stands."""
        return Phase(self._read("phase", block=block))

    def round(self, number: RoundNumber, *, block: BlockIdentifier = "latest") -> Round:
        """Return a round; all zero when it has not been opened."""
        fields = self._read("round", number, block=block)
        electorate, approvals, rejections, unavailables, proposer, status, closing, at, digest = fields
        return Round(
            electorate=electorate,
            ballots=(approvals | unavailables) | (rejections | unavailables) << SEATS,
            proposer=proposer,
            status=status,
            closing=closing,
            time=at,
            digest=Digest(digest),
        )

    def rounds(self, start: int, count: int, *, block: BlockIdentifier = "latest") -> list[Round]:
        """Return rounds from ``start`` on: at most ``count``, none beyond the last that was opened."""
        records = self._read("rounds", start, count, block=block)
        return [_round(word, Digest(digest)) for word, digest in records]

    def ballot_of(self, number: RoundNumber, membership: int, *, block: BlockIdentifier = "latest") -> Ballot:
        """Return a membership's ballot in a round; NONE when it has none, or does not cover the round."""
        return Ballot(self._read("ballotOf", number, membership, block=block))

    def learners(self, *, block: BlockIdentifier = "latest") -> list[Membership]:
        """Return the memberships that cover the open round (when none is open, the next) or a later one."""
        return [_value(Membership, fields) for fields in self._read("learners", block=block)]

    def membership_count(self, *, block: BlockIdentifier = "latest") -> int:
        """Return how many memberships have been made."""
        return int(self._read("membershipCount", block=block))

    def memberships(self, start: int, count: int, *, block: BlockIdentifier = "latest") -> list[Membership]:
        """Return memberships from index ``start`` on: at most ``count``, none beyond the last."""
        return [_value(Membership, fields) for fields in self._read("memberships", start, count, block=block)]

    def snapshot(self, learner: Address, *, block: BlockIdentifier = "latest") -> Snapshot:
        """Return all that a learner's agent needs to decide what to do next, with one request."""
        snapshot = _value(Snapshot, self._read("snapshot", learner, block=block))
        _round(snapshot.round_word, snapshot.round_digest)  # which nobody may find to be no round later
        self.node.saw_block(snapshot.block_number)
        return snapshot

    def history(
        self,
        *,
        block: BlockIdentifier = "latest",
        earlier: History | None = None,
        page: int = PAGE,
        progress: Progress = unwatched,
    ) -> History:
        """Return all that was decided, as of one block; ``colearn_chain.rounds.fold`` checks it.

        Args:
            block: as of which block; a name is resolved once, so that all parts are of the same.
            earlier: a history read before; its closed rounds are not read again, they cannot change. (If the
                chain was reorganised since, the history hash does not match and folding says so.)
            page: how many rounds or memberships one call reads.
            progress: told how many of them have been read.
        """
        pinned = block if isinstance(block, int) else self._number_of(block)
        rules, seen = self.rules(block=pinned), self.snapshot(NOBODY, block=pinned)
        _check_counts(seen, rules)
        known = earlier.rounds if earlier is not None else ()
        pages = _Pages(page, max(seen.number - len(known), 0) + seen.memberships, progress)
        rounds = pages.read(partial(self.rounds, block=pinned), len(known) + 1, seen.number + 1)
        return History(
            chain_id=self.chain_id,
            address=self.address,
            rules=rules,
            spec_digest=self.spec_digest(block=pinned),
            first_organizer=self.first_organizer(block=pinned),
            memberships=tuple(pages.read(partial(self.memberships, block=pinned), 0, seen.memberships)),
            rounds=(*known, *(each for each in rounds if not each.status.is_open)),
            history_hash=seen.history_hash,
        )

    # ----------------------------------------------------------------------------------------------- helpers

    def _number_of(self, block: BlockIdentifier) -> int:
        return quantity(self.node.block(block).get("number"))

    def _read(self, function: str, *arguments: object, block: BlockIdentifier) -> Any:
        data = experiment_interface().encode_call(function, *arguments)
        try:
            answer = self.node.call(self.address, data, block=block)
            (value,) = experiment_interface().decode_answer(function, answer)
        except (ContractReverted, ChainError) as error:
            self._check_code(block)
            if isinstance(error, ContractReverted):
                raise ConfigError(
                    f"the contract at {self.address} is no experiment: {function}: {error}"
                ) from error
            raise
        self._known = True
        return value

    def _write(self, sender: Sender, function: str, *arguments: object) -> Receipt:
        # A call to an address without code succeeds and does nothing, so it is worth one request, once.
        if not self._known:
            self._check_code("latest")
            self._known = True
        return sender.send(self.address, experiment_interface().encode_call(function, *arguments))

    def _check_code(self, block: BlockIdentifier) -> None:
        if not self.node.code(self.address, block):
            raise ConfigError(
                f"there is no contract at {self.address} on chain {self.chain_id}, as of block {block}"
            )


def _check_counts(seen: Snapshot, rules: Rules) -> None:
    """A node could go on answering full pages for ever, so it is held to counts that a chain can have."""
    if seen.number > rules.max_rounds:
        raise ChainError(f"the node tells of {seen.number} rounds, by the rules there are {rules.max_rounds}")
    if seen.memberships > MOST_MEMBERSHIPS:
        raise ChainError(f"the node tells of {seen.memberships} memberships; {MOST_MEMBERSHIPS} are read")


@dataclasses.dataclass
class _Pages:
    """Reads lists whose lengths are known, page by page."""

    size: int
    total: int
    progress: Progress
    done: int = 0

    def read(self, view: Callable[[int, int], list[T]], start: int, end: int) -> list[T]:
        """Items ``start`` to ``end`` - 1; ChainError when the node answers another number of them."""
        items: list[T] = []
        while (first := start + len(items)) < end:
            count = min(self.size, end - first)
            new = view(first, count)
            if len(new) != count:
                raise ChainError(
                    f"the node answered {len(new)} items, {count} were asked for from {first} on"
                )
            items += new
            self.done += count
            self.progress(self.done, self.total)
        return items


def _value(kind: type[T], fields: tuple[Any, ...]) -> T:
    """A struct as one of the values of ``colearn_chain.rounds``, whose fields stand in the same order."""
    names = [each.name for each in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return kind(**dict(zip(names, fields, strict=True)))


def _round(word: int, digest: Digest) -> Round:
    try:
        return Round.from_word(word, digest)
    except ValueError as error:
        raise ChainError(f"{word:#x} is no round: {error}") from error
