"""What all examples have in common: their options, and playing a group of learners with or without a chain.

An example says how one learner is made; here a group of them is played and shown.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from colearn_agents.group.pictures import draw_votes_picture
from colearn_agents.group.runs import run_locally, run_on_chain
from colearn_agents.group.settings import GroupSettings
from colearn_chain.errors import ColearnError
from colearn_chain.plotting import draw_scores
from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from colearn_agents.group.runs import Run
    from colearn_agents.group.scorebook import RoundScores
    from colearn_agents.party.factories import Factory
    from colearn_chain.artefacts import LearnerContext
    from colearn_chain.ml_interface import DiffPrivBudget, MachineLearningInterface

_LETTERS = {Ballot.APPROVE: "A", Ballot.REJECT: "R", Ballot.UNAVAILABLE: "U", Ballot.NONE: "-"}


def run_example(
    description: str,
    factory: Factory,
    describe: Callable[[str], str],
    *,
    score_name: str,
    rounds: int = 20,
    learners: int = 5,
) -> None:
    """Run an example from the command line, and end the process with its exit code.

    Args:
        description: the example's docstring.
        factory: makes each learner; its context's arguments are ``data`` (a folder, or ``synthetic``) and,
            where one was given, ``alpha``.
        describe: loads the data that ``--data`` names, and says in one line what they are.
        score_name: what test scores are.
        rounds: how many to play where nothing else is said.
        learners: likewise.
    """
    options = _parser(description, rounds, learners).parse_args()
    try:
        print("Data:", describe(options.data), flush=True)
        _play(options, factory, score_name)
    except ColearnError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")


def _parser(description: str, rounds: int, learners: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="", help="folder with the data set's files, or 'synthetic' for a stand-in")
    add("--learners", type=int, default=learners, help="how many share the data (default: %(default)s)")
    add("--rounds", type=int, default=rounds, help="how many rounds to play (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the split and of all training (default: %(default)s)")
    add("--alpha", type=float, help="how unequal the split is: Dirichlet concentration (default: equal)")
    add("--chain", action="store_true", help="with agents and the contract on a chain in this process")
    add("--out", type=Path, help="folder for the pictures scores.png and votes.png")
    return parser


def _play(options: argparse.Namespace, factory: Factory, score_name: str) -> None:
    arguments = {"data": options.data} | ({} if options.alpha is None else {"alpha": options.alpha})
    settings = GroupSettings(
        learners=options.learners, rounds=options.rounds, seed=options.seed, arguments=arguments
    )
    made: list[MachineLearningInterface] = []

    def remembering(context: LearnerContext) -> MachineLearningInterface:
        made.append(factory(context))
        return made[-1]

    run = (run_on_chain if options.chain else run_locally)(remembering, settings, lambda _: None)
    _show(run, score_name)
    for index, learner in enumerate(made):
        _show_budget(index, learner)
    if options.out is not None:
        _draw(options.out, run.rounds, score_name)


def _show(run: Run, score_name: str) -> None:
    print("\nBallots, by learner: P proposed, A approved, R rejected, U could not use it, - silent")
    print(f"round  0  {'':{2 * len(run.rounds[0].held)}}  first weights  {_held(run.rounds[0], score_name)}")
    for played in run.rounds[1:]:
        letters = " ".join(_letter(played, learner) for learner in range(len(played.ballots)))
        outcome, held = played.outcome.name.lower(), _held(played, score_name)
        print(f"round {played.number:2}  {letters:{2 * len(played.ballots)}}  {outcome:13}  {held}")
    ending = f"; {run.stalled}" if run.stalled else ""
    print(f"\n{run.accepted} of {run.played} proposals were accepted{ending}.")


def _letter(played: RoundScores, learner: int) -> str:
    if learner == played.proposer:
        return "P" if played.outcome is not Status.SKIPPED else "-"
    return _LETTERS[played.ballots[learner] or Ballot.NONE]


def _held(played: RoundScores, score_name: str) -> str:
    mean = played.mean_test_score
    return "" if mean is None else f"mean {score_name} {mean:.3f}"


def _show_budget(index: int, learner: MachineLearningInterface) -> None:
    summary = learner.mli_get_current_weights().training_summary
    budget: DiffPrivBudget | None = summary.dp_budget if summary else None
    if budget is not None:
        print(
            f"Learner {index} has spent epsilon {budget.consumed_epsilon:.2f} of {budget.target_epsilon:g} "
            f"at delta {budget.target_delta:g}."
        )


def _draw(folder: Path, rounds: Sequence[RoundScores], score_name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draw_votes_picture(folder, rounds)
    draw_scores(
        folder / "scores.png",
        [[math.nan if held.test is None else held.test for held in each.held] for each in rounds],
        score_name=score_name,
        baselines={},
        accepted=[each.outcome is Status.ACCEPTED for each in rounds[1:]],
    )
    print(f"Pictures: {folder / 'scores.png'}, {folder / 'votes.png'}")
