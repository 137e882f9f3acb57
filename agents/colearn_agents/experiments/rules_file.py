"""What an organizer writes before an experiment is made: a TOML file of rules, score and terms.

:data:`EXAMPLE` is such a file with everything in it, and says what each key means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue
from pydantic.alias_generators import to_snake

from colearn_agents.configuration.addresses import checked_address
from colearn_agents.configuration.toml_file import Table, TomlFile
from colearn_chain.artefacts import ExperimentSpec, PrivacyTerms, Score
from colearn_chain.canonical_json import canonical_json
from colearn_chain.errors import ConfigError, shown
from colearn_chain.rounds import Rules

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_chain.types import Address
    from colearn_chain.weights import WeightSchema

EXAMPLE = """\
# What an experiment is. Everything in this file but the invitations is fixed once the experiment is created.

name = "Handwritten digits"

# In words, for the people who prepare data and read scores; programs make nothing of them.
preprocessing = "Pictures of 8 x 8 pixels; grey values divided by 16, so that they are from 0 to 1."
classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]  # in the order of the model's outputs

# Who may join; who creates the experiment is its organizer, and may join only if it invites itself.
# More are invited later: colearn-chain experiment invite ADDRESS
# invite = ["0x0000000000000000000000000000000000000001"]

# What learners vote by: a proposal is approved by who finds its score better than the current model's.
[score]
name = "mean log-likelihood of the true class"
direction = "maximize"  # or "minimize"

# Spans of time are seconds, or "90s", "10m", "2h", "1d".
[rules]
proposal_window = "10m"  # how long a proposer may train; when it is over, others close the round
voting_window = "10m"  # how long the others may test and vote
min_learners = 3  # no round opens with fewer, 2 to 64
max_rounds = 50  # after so many rounds the experiment is finished

threshold_bps = 5001  # share of the voters that has to approve, in 1/100 of a per cent
count_proposer = false  # true: the proposer votes on its own proposal too
close_early = false  # true: a round closes as soon as its outcome is certain, and the later ballots are lost
idle_rounds = 3  # who misses so many rounds in a row can be removed by anyone, 1 to 32
start_deadline = "1d"  # from then on anyone may start: a span from now, or a time as in 2026-12-01T12:00:00Z
contribution_window = 0  # rounds in which all learners' updates are merged are not built yet

# Handed to every learner's factory as its arguments; a party's own configuration adds to them.
[learner]
epochs = 2

# Only if everybody has to train with differential privacy, on the same terms.
# [privacy]
# target_epsilon = 8.0
# target_delta = 1e-5
# max_grad_norm = 1.0
# noise_multiplier = 1.1
"""

_SPAN = re.compile(r"([0-9]{1,9})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LATEST = 2**40
"""``startDeadline`` is a uint40."""


def _seconds(value: object) -> object:
    found = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None:
        return int(found[1]) * _SECONDS[found[2]]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError('a span of time is seconds, or written as "90s", "10m", "2h" or "1d"')


def _deadline(value: object) -> object:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if isinstance(value, date):
        raise ValueError(  # noqa: TRY004 - about a file, and pydantic wants a ValueError
            "a time needs its zone, as in 2026-12-01T12:00:00Z or 2026-12-01T12:00:00+01:00"
        )
    return _seconds(value)


def _fan_in(value: object) -> object:
    if value != 0:
        raise ValueError("rounds in which all learners' updates are merged (fan-in) are not built yet: 0")
    return value


def _several(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("is a list: [...]")  # noqa: TRY004 - about a file, and pydantic wants a ValueError
    return tuple(value)


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return checked_address(value)
    except ConfigError as error:
        raise ValueError(str(error)) from error


Seconds = Annotated[int, BeforeValidator(_seconds)]


class RulesTable(Table):
    """The contract's rules; their ranges are the contract's."""

    proposal_window: Seconds
    voting_window: Seconds
    min_learners: int
    max_rounds: int
    threshold_bps: int = 5001
    count_proposer: bool = False
    close_early: bool = False
    idle_rounds: int = 3
    start_deadline: Annotated[datetime | int, BeforeValidator(_deadline)] = 86_400
    contribution_window: Annotated[int, BeforeValidator(_fan_in)] = 0

    def rules(self, now: int) -> Rules:
        """The contract's rules, whose ranges are still to be checked.

        Args:
            now: what a span up to the start counts from, in seconds since 1970.
        """
        until = self.start_deadline
        start = int(until.timestamp()) if isinstance(until, datetime) else now + until
        return Rules(**self.model_dump(exclude={"start_deadline"}), start_deadline=start)


class RulesFile(Table):
    """The whole file."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    preprocessing: str = ""
    classes: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    invite: Annotated[tuple[Annotated[str, BeforeValidator(_address)], ...], BeforeValidator(_several)] = ()
    score: Score
    rules: RulesTable
    learner: dict[str, JsonValue] = Field(default_factory=dict)
    privacy: PrivacyTerms | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an organizer wants, as far as it can be said without a learner.

    Attributes:
        file: what it wrote.
        rules: the contract's.
    """

    file: RulesFile
    rules: Rules

    @property
    def learner(self) -> dict[str, Any]:
        """What every learner's factory is handed."""
        return self.file.learner

    @property
    def invite(self) -> tuple[Address, ...]:
        """Who is invited at once."""
        return self.file.invite  # type: ignore[return-value]  # each was checked

    def spec(self, schema: WeightSchema) -> ExperimentSpec:
        """The experiment's spec, for weights that look like this."""
        agreed = self.file
        return ExperimentSpec(
            name=agreed.name,
            rules=self.rules,
            weight_schema=schema,
            score=agreed.score,
            classes=agreed.classes,
            preprocessing=agreed.preprocessing,
            learner=agreed.learner,
            privacy=agreed.privacy,
        )


def read_rules(path: Path, *, now: int) -> Plan:
    """Read and check a file of rules.

    Args:
        path: of the file.
        now: what a span up to the start counts from, in seconds since 1970.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong; the message names file, line and key.
    """
    file = TomlFile.read(path)
    checked = file.checked(RulesFile)
    rules = checked.rules.rules(now)
    for rule in rules.ranges():
        if not rule.least <= rule.value <= rule.most:
            said = f"{rule.value:,} is not from {rule.least:,} to {rule.most:,}"
            raise file.error(said, "rules", to_snake(rule.rule))
    if not 0 <= rules.start_deadline < _LATEST:
        raise file.error("no chain's clock comes to that time", "rules", "start_deadline")
    for name, value in checked.learner.items():
        _check_free(file, name, value)
    for index, address in enumerate(checked.invite):
        if address in checked.invite[:index]:
            raise file.error(f"{address} stands here twice", "invite", index)
    return Plan(file=checked, rules=rules)


def _check_free(file: TomlFile, name: str, value: JsonValue) -> None:
    """Free values travel as JSON, which has no dates and nothing infinite."""
    try:
        canonical_json(value)
    except (TypeError, ValueError) as error:
        raise file.error(f"cannot be handed on as JSON: {shown(error)}", "learner", name) from error
