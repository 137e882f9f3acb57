"""Audits: what they find in order, what they miss and say so, and that every lie about a history is found."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.artefacts import Card, Sighting
from colearn_chain.audit import Evidence, HistoryFile, Kind, Outcome, Report, Witness, audit, unchecked
from colearn_chain.canonical_json import canonical_json
from colearn_chain.errors import InvalidArtefact
from colearn_chain.rounds import Ballot, Call, Rules
from colearn_chain.testing.cards import (
    BLOCK_HASH,
    BLOCK_NUMBER,
    RELEASE,
    RUNTIME,
    card_for,
    deployed,
    history_of,
    rehashed,
    signed_transaction,
)
from colearn_chain.testing.histories import Play
from colearn_chain.testing.histories import played as played_at_random
from colearn_chain.types import Address, Digest, RoundNumber, Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_chain.rounds import Experiment

BEGIN = 1_000
SPEC, MODEL, WORSE = (Digest(bytes([number]) * 32) for number in (1, 2, 3))
ANN, BOB, CYD = (Address(to_checksum_address("0x" + digits * 20)) for digits in ("a1", "b2", "c3"))
ONE, TWO, THREE = (RoundNumber(number) for number in (1, 2, 3))
RULES = Rules(
    threshold_bps=5001,
    proposal_window=100,
    voting_window=50,
    contribution_window=0,
    min_learners=2,
    max_rounds=80,
    idle_rounds=1,
    start_deadline=BEGIN,
    count_proposer=False,
    close_early=False,
)
CARD = card_for(RULES, SPEC)
DEPLOYMENT = CARD.deployment([RELEASE])


def by(who: Address, after: int) -> Call:
    """A call so many seconds after the beginning."""
    return Call(who, Timestamp(BEGIN + after))


def played() -> Experiment:
    """Round 1 accepted, 2 passed, 3 rejected at its deadline; Cyd is in from 3 on, Bob leaves after it."""
    organizer = DEPLOYMENT.organizer
    experiment = deployed(DEPLOYMENT).invite(by(organizer, 0), [ANN, BOB, CYD])
    experiment = experiment.join(by(ANN, 0), bytes(32)).join(by(BOB, 0), b"\x09" * 32)
    experiment = experiment.start(by(organizer, 0)).join(by(CYD, 1), bytes(32))
    experiment = experiment.propose(by(ANN, 10), ONE, MODEL).cast_ballot(
        by(BOB, 20), ONE, MODEL, Ballot.APPROVE
    )
    experiment = experiment.pass_turn(by(BOB, 30), TWO).propose(by(CYD, 40), THREE, WORSE)
    experiment = experiment.cast_ballot(by(ANN, 50), THREE, WORSE, Ballot.UNAVAILABLE).resign(by(BOB, 60))
    return experiment.advance(by(ANN, 95), THREE)


HISTORY = history_of(played(), DEPLOYMENT)
FILE = HistoryFile.of(CARD, HISTORY)
SIGHTING = Sighting(
    node="a node",
    chain_id=CARD.chain_id,
    succeeded=True,
    contract=DEPLOYMENT.contract,
    block_number=BLOCK_NUMBER,
    block_hash="0x" + BLOCK_HASH.hex(),
    code=RUNTIME,
)
WITNESS = Witness(SIGHTING, HISTORY.history_hash)
EVIDENCE = Evidence(card=CARD, releases=(RELEASE,), history=HISTORY, witnesses=(WITNESS,))


def subjects(report: Report, kind: Kind) -> list[str]:
    """What findings of a kind are about."""
    return [finding.subject for finding in report.findings if finding.kind is kind]


def audited_file(data: bytes, true_hash: bytes = HISTORY.history_hash) -> Report:
    """The audit of an exported history by the true card and the true hash, with no node."""
    file = HistoryFile.from_bytes(data)
    evidence = Evidence(
        card=CARD,
        releases=(RELEASE,),
        history=file.history(),
        history_card=file.card,
        trusted_hash=true_hash,
    )
    return audit(evidence)


def test_an_honest_history_is_right() -> None:
    """Nothing is wrong, nothing is missing, and what was checked is listed."""
    report = audit(EVIDENCE)
    assert report.outcome is Outcome.RIGHT
    assert subjects(report, Kind.CHECKED) == ["card", "card", "history", "historyHash", "times"]
    assert report.deployment == DEPLOYMENT
    assert [closed.proposer for closed in report.rounds] == [ANN, BOB, CYD]


def test_what_accepted_means_is_said_in_words() -> None:
    """Approved by these parties is not safe."""
    (said,) = [finding.text for finding in audit(EVIDENCE).findings if finding.subject == "meaning"]
    assert "approved" in said
    assert "safe" in said


def test_one_node_is_believed_and_named() -> None:
    """A reader learns on whom the rest depends."""
    (said,) = [finding.text for finding in audit(EVIDENCE).findings if finding.subject == "trust"]
    assert "one node" in said
    assert "a node" in said


def test_nodes_that_differ() -> None:
    """Two histories of one contract: one node lies, or stands on another chain."""
    other = Witness(replace(SIGHTING, node="another"), b"\x05" * 32)
    report = audit(replace(EVIDENCE, witnesses=(WITNESS, other)))
    assert subjects(report, Kind.WRONG) == ["historyHash"]


def test_a_card_that_was_never_mined() -> None:
    """The history can be whatever it is."""
    never = replace(SIGHTING, succeeded=None, contract=None, block_number=None, block_hash=None)
    report = audit(replace(EVIDENCE, witnesses=(Witness(never, None),), history=None))
    assert report.outcome is Outcome.WRONG
    assert any("never mined" in finding.text for finding in report.findings)


def test_a_card_of_unknown_code() -> None:
    """Nothing else is looked at: there is no experiment to look at."""
    report = audit(replace(EVIDENCE, releases=()))
    assert (report.outcome, report.deployment, len(report.findings)) == (Outcome.WRONG, None, 1)


def test_a_history_that_could_not_be_had() -> None:
    """What is missing makes the audit incomplete, not wrong."""
    gap = unchecked("node", "no answer")
    report = audit(replace(EVIDENCE, history=None, witnesses=(), gaps=(gap,)))
    assert report.outcome is Outcome.INCOMPLETE
    assert gap in report.findings


def test_something_wrong_outweighs_something_missing() -> None:
    """A lie stays a lie though a node was away."""
    gap = unchecked("node", "no answer")
    lie = replace(HISTORY, chain_id=1)
    assert audit(replace(EVIDENCE, history=lie, gaps=(gap,))).outcome is Outcome.WRONG


def test_a_history_that_only_vouches_for_itself() -> None:
    """Without a node and without a trusted hash it could be made up as a whole."""
    report = audit(replace(EVIDENCE, witnesses=()))
    assert report.outcome is Outcome.INCOMPLETE
    assert subjects(report, Kind.UNCHECKED) == ["historyHash"]


def test_an_exported_history_is_checked_with_no_node_at_all() -> None:
    """A file and a hash are enough; what is believed then is said."""
    report = audited_file(FILE.to_bytes())
    assert report.outcome is Outcome.RIGHT
    assert [closed.round for closed in report.rounds] == list(HISTORY.rounds)
    assert any("no node was asked" in finding.text for finding in report.findings)


def test_an_exported_history_under_another_hash() -> None:
    """It is consistent, and not what the contract says."""
    evidence = replace(EVIDENCE, witnesses=(), trusted_hash=b"\x05" * 32)
    assert subjects(audit(evidence), Kind.WRONG) == ["historyHash"]


def test_endings_that_no_closed_round_shows_are_not_exported() -> None:
    """Bob's membership ends with round 3, the last that has closed: nothing in the file could prove it."""
    assert HISTORY.memberships[1].last_round == 3
    assert FILE.memberships[1].last_round is None
    unseen = replace(HISTORY.memberships[2], first_round=RoundNumber(3), last_round=RoundNumber(0))
    early = replace(HISTORY, memberships=(*HISTORY.memberships[:2], unseen))
    assert HistoryFile.of(CARD, early).memberships[2].last_round == 2


def test_a_history_of_values_that_no_chain_has() -> None:
    """Such a file is not written."""
    round_ = replace(HISTORY.rounds[0], time=Timestamp(2**40))
    with pytest.raises(InvalidArtefact, match="no file can say this"):
        HistoryFile.of(CARD, replace(HISTORY, rounds=(round_,)))


# ----------------------------------------------------------------------------------------------- tampering


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in a document that is neither list nor object."""
    parts = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if parts is None:
        yield path
    else:
        for key, part in parts:
            yield from leaves(part, (*path, key))


def lists(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all lists in a document."""
    if isinstance(value, list):
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from lists(part, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a path."""
    for key in path:
        document = document[key]
    return document


DOCUMENT = json.loads(FILE.to_bytes())
WORDS = {"accepted": "rejected", "rejected": "accepted", "skipped": "rejected"}
WORDS |= {"complete": "certain", "passed": "deadline", "deadline": "complete", "certain": "complete"}


def others(value: Any) -> list[Any]:
    """What a liar could write in a field instead."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, abs(value - 1), 0, 2**39]
    if value is None:
        return [0, 1, 2, 3, 4, "0x" + "05" * 32]
    if value.startswith("0x"):
        flipped = value[:-1] + ("1" if value[-1] != "1" else "2")
        return [
            flipped,
            CYD if value != CYD else ANN,
            "0x" + "00" * ((len(value) - 2) // 2),
            value.upper(),
            value.lower(),
            None,
        ]
    return [WORDS.get(value, value + "s")]


def is_found(document: Any, true_hash: bytes = HISTORY.history_hash) -> bool:
    """Whether a file that says this is refused, or an audit finds something wrong in it."""
    try:
        report = audited_file(canonical_json(document), true_hash)
    except InvalidArtefact:
        return True
    return report.outcome is Outcome.WRONG


def changed(path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a path."""
    document = copy.deepcopy(DOCUMENT)
    at(document, path[:-1])[path[-1]] = value
    return document


def test_the_file_is_what_is_tampered_with() -> None:
    """Untouched it is right, so that what is found below is the tampering."""
    assert not is_found(DOCUMENT)


@pytest.mark.parametrize("path", list(leaves(DOCUMENT)), ids=lambda path: ".".join(map(str, path)))
def test_a_field_that_was_tampered_with(path: tuple[Any, ...]) -> None:
    """An address, seat, ballot, rule, digest, key, closing, time, number of rounds: each lie is found."""
    value = at(DOCUMENT, path)
    lies = [other for other in others(value) if other != value]
    assert [lie for lie in lies if not is_found(changed(path, lie))] == []


@pytest.mark.parametrize("path", list(lists(DOCUMENT)), ids=lambda path: ".".join(map(str, path)))
def test_a_list_that_was_tampered_with(path: tuple[Any, ...]) -> None:
    """Another order, an entry left out, an entry that stands there twice, a ballot that nobody cast."""
    value = at(DOCUMENT, path)
    lies = [value[::-1], value[1:], value[:-1], [*value, *value[-1:]], [*value, 7]]
    lies += [[seat] for seat in (0, 1, 2)]
    assert [lie for lie in lies if lie != value and not is_found(changed(path, lie))] == []


def test_a_ballot_that_is_written_as_two() -> None:
    """Approving and rejecting share the bits of Ann's Unavailable, and so its hash: one form is enough."""
    twofold = changed(("rounds", 2, "approvals"), [0])
    twofold["rounds"][2] |= {"rejections": [0], "unavailables": []}
    with pytest.raises(InvalidArtefact, match="two ballots"):
        audited_file(canonical_json(twofold))


@given(at=st.integers(0, len(FILE.to_bytes()) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_of_a_file_passes(at: int, bit: int) -> None:
    """Whichever bit is another, the file is refused or an audit finds it."""
    data = bytearray(FILE.to_bytes())
    data[at] ^= 1 << bit
    try:
        report = audited_file(bytes(data))
    except InvalidArtefact:
        return
    assert report.outcome is Outcome.WRONG


LONG = HistoryFile.of(
    CARD,
    history_of(
        played_at_random(
            deployed(DEPLOYMENT), Play(RULES, DEPLOYMENT.organizer, [ANN, BOB, CYD]), 40, Random(5)
        ),
        DEPLOYMENT,
    ),
)
LONG_DOCUMENT = json.loads(LONG.to_bytes())
LONG_LEAVES = list(leaves(LONG_DOCUMENT))


@given(st.data())
def test_no_field_of_a_long_history_can_be_another(data: st.DataObject) -> None:
    """Lapsed and passed turns, silence, every kind of ballot: a lie anywhere among them is found."""
    path = data.draw(st.sampled_from(LONG_LEAVES))
    value = at(LONG_DOCUMENT, path)
    lie = data.draw(st.sampled_from([other for other in others(value) if other != value]))
    document = copy.deepcopy(LONG_DOCUMENT)
    at(document, path[:-1])[path[-1]] = lie
    assert is_found(document, bytes.fromhex(LONG.history_hash[2:]))
    assert not is_found(LONG_DOCUMENT, bytes.fromhex(LONG.history_hash[2:]))


@pytest.mark.parametrize(
    ("field", "value", "subject"),
    [
        ("chain_id", 1, "chain"),
        ("address", ANN, "address"),
        ("first_organizer", ANN, "organizer"),
        ("rules", replace(RULES, idle_rounds=2), "rules"),
        ("spec_digest", MODEL, "spec"),
    ],
)
def test_another_experiments_history_under_this_card(field: str, value: Any, subject: str) -> None:
    """It may be whole and hashed as it should: the card says that it is another's."""
    history = rehashed(replace(HISTORY, **{field: value}))
    report = audit(replace(EVIDENCE, history=history, witnesses=()))
    assert subjects(report, Kind.WRONG) == [subject]


def test_a_history_that_came_with_another_card() -> None:
    """A second deployment by the same organizer, say."""
    other = Card.of(signed_transaction(b"\x01"), BLOCK_NUMBER, BLOCK_HASH)
    assert subjects(audit(replace(EVIDENCE, history_card=other)), Kind.WRONG) == ["card"]
