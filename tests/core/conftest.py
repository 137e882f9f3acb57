"""An experiment of three learners in its stages, for the reference model and for the compiled contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from colearn_chain.rounds import Rules
from colearn_chain.testing.referees import ContractReferee, ModelReferee
from colearn_chain.types import Address, Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.testing.referees import Referee

BEGIN = 1_000
SPEC, MODEL = Digest(b"\x01" * 32), Digest(b"\x02" * 32)
ORGANIZER, ANN, BOB, CYD, DAN = (Address("0x" + f"{number:02d}" * 20) for number in range(11, 16))
ELSEWHERE = Address("0x" + 40 * "9")


@pytest.fixture
def rules() -> Rules:
    """Two of three learners vote, and both have to approve."""
    return Rules(
        threshold_bps=5001,
        proposal_window=100,
        voting_window=50,
        contribution_window=0,
        min_learners=2,
        max_rounds=80,
        idle_rounds=1,
        start_deadline=BEGIN + 10,
        count_proposer=False,
        close_early=False,
    )


def _model(rules: Rules, spec: Digest = SPEC) -> Referee:
    return ModelReferee(ORGANIZER, rules, spec, chain_id=1, address=ELSEWHERE)


def _contract(rules: Rules, spec: Digest = SPEC) -> Referee:
    return ContractReferee(ORGANIZER, rules, spec)


@pytest.fixture(params=[_model, _contract], ids=["model", "contract"])
def deploy(request: pytest.FixtureRequest) -> Callable[..., Referee]:
    """Deploy the reference model, and then the contract."""
    found: Callable[..., Referee] = request.param
    return found


@pytest.fixture
def joined(deploy: Callable[..., Referee]) -> Callable[..., Referee]:
    """Deploy, and let learners join: Ann on seat 0, Bob on 1, Cyd on 2. Dan is invited too."""

    def made(rules: Rules, learners: tuple[Address, ...] = (ANN, BOB, CYD)) -> Referee:
        referee = deploy(rules)
        referee.call("invite", ORGANIZER, BEGIN, [*learners, DAN])
        for learner in learners:
            referee.call("join", learner, BEGIN, bytes(32))
        return referee

    return made


@pytest.fixture
def started(joined: Callable[..., Referee]) -> Callable[[Rules], Referee]:
    """Deploy, let three learners join, and start."""

    def made(rules: Rules) -> Referee:
        referee = joined(rules)
        referee.call("start", ORGANIZER, BEGIN)
        return referee

    return made


@pytest.fixture
def proposing(started: Callable[[Rules], Referee], rules: Rules) -> Referee:
    """Round 1, Ann's turn till BEGIN + 100."""
    return started(rules)


@pytest.fixture
def voting(proposing: Referee) -> Referee:
    """Round 1, Ann's proposal is up till BEGIN + 50."""
    proposing.call("propose", ANN, BEGIN, 1, MODEL)
    return proposing
