"""The command ``demo``: a whole experiment on this machine, watched round by round, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from colearn_agents.auditing.chain_history import history_document, read_history
from colearn_agents.cli import report
from colearn_agents.cli.history import history_tables
from colearn_agents.cli.output import console
from colearn_agents.cli.report import Costs
from colearn_agents.group.baselines import Party, compare
from colearn_agents.group.board import Board
from colearn_agents.group.effort import Effort
from colearn_agents.group.group import Group
from colearn_agents.group.live import LiveTable, PlainLines
from colearn_agents.group.pictures import draw_scores_picture, draw_votes_picture
from colearn_agents.group.records import make_folder, write_bytes, write_json, write_scores
from colearn_agents.group.scorebook import ScoreBook
from colearn_agents.group.stopwatch import Stopwatch
from colearn_agents.party.factories import load_factory
from colearn_chain.audit import HistoryFile
from colearn_chain.errors import LearnerError
from colearn_chain.rounds import Status
from colearn_chain.storage import cid_of

if TYPE_CHECKING:
    from rich.console import Console

    from colearn_agents.auditing.chain_history import CheckedHistory
    from colearn_agents.group.baselines import Comparison
    from colearn_agents.group.group import GroupSettings
    from colearn_agents.party.events import Event
    from colearn_agents.party.factories import Factory
    from colearn_chain.chain import ExperimentContract
    from colearn_chain.ml_interface import Weights

FACTORY = "colearn_backends.digits:learner"
DEFAULT_FOLDER = Path("demo-run")
CARD, CLOSED_HISTORY = "card.json", "closed-history.json"
SCORE_NAME = "mean test accuracy"
LEFT = (
    "history.json",
    CARD,
    CLOSED_HISTORY,
    "scores.csv",
    "scores.png",
    "votes.png",
    "results.json",
    "store/",
    "journals/",
)


@dataclass
class Watched:
    """A run in sight of everybody who counts, times and prints it."""

    factory: Factory
    settings: GroupSettings
    folder: Path
    out: Console
    book: ScoreBook = field(default_factory=ScoreBook)
    effort: Effort = field(default_factory=Effort)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    seconds: float = 0.0

    def play(self) -> Group:
        """Deploy, join and play all rounds."""
        begun = time.perf_counter()
        group = self._drawn() if self.out.is_terminal else self._printed()
        self.seconds = time.perf_counter() - begun
        return group

    def _drawn(self) -> Group:
        board = Board(self.book)
        with LiveTable(self.out, board, learners=self.settings.learners, score_name=SCORE_NAME):
            return self._played(board)

    def _printed(self) -> Group:
        lines = PlainLines(self.out, learners=self.settings.learners, score_name=SCORE_NAME)
        lines.heading()
        return self._played(Board(self.book, on_row=lines.row))

    def _played(self, board: Board) -> Group:
        def observe(event: Event) -> None:
            for watcher in (self.book, self.effort, board):
                watcher.observe(event)

        factory = self.stopwatch.timed(self.factory)
        group = Group.create(factory, self.settings, self.folder, observe)
        self.book.addresses = group.addresses
        group.run()
        board.finish()
        return group


def run_demo(settings: GroupSettings, asked: Path | None) -> None:
    """Play, compare, report, and leave everything in a folder.

    Raises:
        ConfigError: the folder cannot be had.
        ColearnError: the run failed.
    """
    factory = load_factory(FACTORY)
    folder = make_folder(asked, DEFAULT_FOLDER)
    out = console()
    out.print(report.introduction(settings), end="\n\n")
    watched = Watched(factory, settings, folder, out)
    group = watched.play()
    if watched.book.stalled:
        out.print(f"\nStalled: {watched.book.stalled}", style="bold")
    checked = read_history(group.contract)
    _leave_run(folder, watched.book, group.contract, checked)
    party = Party(factory=factory, settings=settings)
    comparison = _compared(out, party, _collective(group, checked), watched.effort.trainings)
    costs = _costs(watched, group)
    _leave_comparison(folder, watched.book, comparison, costs)
    _tell(out, settings, checked, comparison, costs)
    out.print(f"\nEverything is in {folder}: {', '.join(LEFT)}.", style="bold", soft_wrap=True)


def _collective(group: Group, checked: CheckedHistory) -> Weights:
    """The model that the chain accepted last, from a learner that holds it.

    Raises:
        LearnerError: none does.
    """
    accepted = [closed.round.digest for closed in checked.closed if closed.round.status is Status.ACCEPTED]
    digest = accepted[-1] if accepted else checked.history.spec_digest
    for agent, learner in zip(group.agents, group.learners, strict=True):
        if agent.held == digest:
            return learner.mli_get_current_weights()
    raise LearnerError(f"no learner holds the model that was accepted last, {cid_of(digest)}")


def _compared(out: Console, party: Party, collective: Weights, trainings: int) -> Comparison:
    out.print("\nFor comparison, the same learners now train alone, and one model on all data.", end="\n\n")
    with out.status("") as status:
        return compare(party, collective, trainings, lambda name: status.update(f"training: {name}"))


def _costs(watched: Watched, group: Group) -> Costs:
    effort = watched.effort
    return Costs(
        gas=effort.gas,
        setup_gas=effort.setup_gas,
        transactions=effort.transactions,
        rounds=sum(number > 0 for number in effort.gas_by_round),
        learners=watched.settings.learners,
        bytes_published=group.bytes_published(),
        seconds_learning=watched.stopwatch.seconds,
        seconds_besides=watched.seconds - watched.stopwatch.seconds,
    )


def _leave_evidence(folder: Path, contract: ExperimentContract, checked: CheckedHistory) -> None:
    """The card and the closed rounds, as ``colearn-chain audit`` wants them once this chain is gone.

    Raises:
        ConfigError: the file cannot be written.
    """
    from colearn_chain.chain.cards import make_card  # noqa: PLC0415 - late: it needs web3

    if contract.raw_deployment is not None:
        card = make_card(contract.node, contract.raw_deployment)
        write_bytes(folder / CARD, card.to_bytes())
        write_bytes(folder / CLOSED_HISTORY, HistoryFile.of(card, checked.history).to_bytes())


def _leave_run(folder: Path, book: ScoreBook, contract: ExperimentContract, checked: CheckedHistory) -> None:
    """What was played, before anything else can fail or be interrupted."""
    rounds = book.rounds()
    write_json(folder / "history.json", history_document(checked))
    write_scores(folder / "scores.csv", rounds)
    _leave_evidence(folder, contract, checked)
    draw_votes_picture(folder, rounds)


def _leave_comparison(folder: Path, book: ScoreBook, comparison: Comparison, costs: Costs) -> None:
    write_json(folder / "results.json", report.results_document(comparison, costs))
    draw_scores_picture(folder, book.rounds(), comparison)


def _tell(
    out: Console, settings: GroupSettings, checked: CheckedHistory, comparison: Comparison, costs: Costs
) -> None:
    out.print(report.results_table(comparison))
    out.print(report.by_learner(comparison), end="\n\n")
    out.print(report.verdict(comparison), style="bold", end="\n\n")
    if settings.arguments.get("alpha") is not None:
        out.print(report.UNEQUAL, end="\n\n")
    out.print(report.costs_table(costs))
    out.print("The minutes, read back from the contract's views:", end="\n\n")
    for part in history_tables(checked):
        out.print(part)
