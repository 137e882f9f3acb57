"""The commands ``experiment create|show|join|invite|...``: setting an experiment up, and taking part."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs, so that help is there at once

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colearn_agents.cli.failures import EXIT_CODES, reported
from colearn_agents.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, Verbose, Yes

if TYPE_CHECKING:
    from colearn_agents.cli.experiment_acts import Choose
    from colearn_agents.experiments.acts import Act, Situation
    from colearn_agents.experiments.opened import OpenedExperiment

app = typer.Typer(
    name="experiment",
    help="Experiments: set one up, look at it, join it, and run it as its organizer.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

Card = Annotated[
    Path | None,
    typer.Argument(metavar="[CARD]", help="The experiment's card.", show_default="the configuration's"),
]
CardOption = Annotated[
    Path | None,
    typer.Option("--card", metavar="FILE", help="The experiment's card.", show_default="the configuration's"),
]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="0x and 40 hex digits.")]


@app.command(epilog=EXIT_CODES)
def rules() -> None:
    """Print an example of a file of rules, which says what each of them means.

    Begin with: colearn-chain experiment rules > rules.toml
    """
    from colearn_agents.experiments.rules_file import EXAMPLE

    typer.echo(EXAMPLE, nl=False)


@app.command(epilog=EXIT_CODES)
def create(  # noqa: PLR0913 - each is an option
    *,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What the experiment is; see: experiment rules.")
    ] = None,
    learner: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FACTORY",
            help="Makes the learner whose weights are the first ones.",
            show_default="the configuration's",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the card goes.", show_default="the configuration's, or card.json"
        ),
    ] = None,
    origin: Annotated[
        Path | None,
        typer.Option("--from", metavar="CARD", help="Begin with the accepted model of another experiment."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Go on where an earlier create was interrupted: CARD.pending."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say what it costs, and send nothing.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Create an experiment: publish its spec, deploy its contract, write its card.

    Everything that can be checked is checked first, and shown. The card is
    what learners and auditors start from.
    """
    if resume is not None and (rules, learner, out, origin, dry_run) != (None, None, None, None, False):
        raise typer.BadParameter("goes with --config, --json and --verbose alone", param_hint="--resume")
    if resume is None and rules is None:
        raise typer.BadParameter("name a file; for an example: experiment rules", param_hint="--rules")
    with reported(verbose=verbose):
        from colearn_agents.cli.experiment_create import Request, run_create, run_resume
        from colearn_agents.cli.talk import Manner

        manner = Manner(config=config, as_json=as_json, yes=yes)
        if resume is not None:
            run_resume(manner, resume)
        elif rules is not None:
            run_create(
                Request(manner=manner, rules=rules, learner=learner, out=out, origin=origin, dry_run=dry_run)
            )


@app.command(epilog=EXIT_CODES)
def show(
    card: Card = None,
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show what an experiment is and how it stands.

    Needs neither an account nor a store; what it lacks them for is said.
    """
    with reported(verbose=verbose):
        from colearn_agents.cli.experiment_show import run_show
        from colearn_agents.cli.talk import Manner

        run_show(Manner(config=config, card=card, as_json=as_json))


@app.command(epilog=EXIT_CODES)
def join(
    card: Card = None,
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Join an experiment that you are invited to.

    Card, contract, spec, your own learner, store and money are checked
    first; rules and members are shown, and nothing is sent before you agree.
    """
    with reported(verbose=verbose):
        from colearn_agents.cli.experiment_join import run_join
        from colearn_agents.cli.talk import Manner

        run_join(Manner(config=config, card=card, as_json=as_json, yes=yes))


@app.command(epilog=EXIT_CODES)
def invite(  # noqa: PLR0913 - each is an option
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="ADDRESS...", help="Whom: 0x and 40 hex digits.")
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holds addresses, one on a line; # begins a comment.")
    ] = None,
    card: CardOption = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Invite learners; for the organizer."""
    from colearn_agents.cli.experiment_acts import invited
    from colearn_agents.experiments import acts

    def choose(_: OpenedExperiment, situation: Situation) -> Act:
        return acts.invite(situation, invited(addresses or [], file))

    _act(choose, card=card, config=config, as_json=as_json, yes=yes, verbose=verbose)


@app.command(epilog=EXIT_CODES)
def remove(
    address: Address,
    *,
    card: CardOption = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Withdraw a learner's invitation and end its membership; for the organizer.

    While a round is open, the learner keeps a round of notice.
    """
    from colearn_agents.configuration.addresses import checked_address
    from colearn_agents.experiments import acts

    def choose(opened: OpenedExperiment, situation: Situation) -> Act:
        learner = checked_address(address)
        return acts.remove(situation, learner, opened.contract.snapshot(learner))

    _act(choose, card=card, config=config, as_json=as_json, yes=yes, verbose=verbose)


@app.command(name="remove-idle", epilog=EXIT_CODES)
def remove_idle(
    address: Address,
    *,
    card: CardOption = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """End the membership of a learner that missed too many rounds; for anyone."""
    from colearn_agents.configuration.addresses import checked_address
    from colearn_agents.experiments import acts

    def choose(_: OpenedExperiment, situation: Situation) -> Act:
        return acts.remove_idle(situation, checked_address(address))

    _act(choose, card=card, config=config, as_json=as_json, yes=yes, verbose=verbose)


@app.command(epilog=EXIT_CODES)
def leave(
    *,
    card: CardOption = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """End your own membership, with the open round if there is one."""
    from colearn_agents.experiments import acts

    _act(
        lambda _, situation: acts.leave(situation),
        card=card,
        config=config,
        as_json=as_json,
        yes=yes,
        verbose=verbose,
    )


@app.command(epilog=EXIT_CODES)
def start(
    *,
    card: CardOption = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Open the next round when none is open; for the organizer, or after the start deadline for anyone."""
    from colearn_agents.experiments import acts

    _act(
        lambda _, situation: acts.start(situation),
        card=card,
        config=config,
        as_json=as_json,
        yes=yes,
        verbose=verbose,
    )


@app.command(epilog=EXIT_CODES)
def advance(
    *,
    card: CardOption = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Close the open round once its deadline is over; for anyone."""
    from colearn_agents.experiments import acts

    _act(
        lambda _, situation: acts.advance(situation),
        card=card,
        config=config,
        as_json=as_json,
        yes=yes,
        verbose=verbose,
    )


@app.command(epilog=EXIT_CODES)
def transfer(
    address: Address,
    *,
    card: CardOption = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Make somebody else the organizer; for the organizer."""
    from colearn_agents.configuration.addresses import checked_address
    from colearn_agents.experiments import acts

    _act(
        lambda *_: acts.transfer(checked_address(address)),
        card=card,
        config=config,
        as_json=as_json,
        yes=yes,
        verbose=verbose,
    )


@app.command(epilog=EXIT_CODES)
def renounce(
    *,
    card: CardOption = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Give the organizer's role up for good; for the organizer, and asked twice."""
    from colearn_agents.experiments import acts

    _act(
        lambda *_: acts.renounce(),
        card=card,
        config=config,
        as_json=as_json,
        yes=yes,
        verbose=verbose,
        word="renounce",
    )


def _act(  # noqa: PLR0913 - the options of every such command
    choose: Choose,
    *,
    card: Path | None,
    config: Path,
    as_json: bool,
    yes: bool,
    verbose: bool,
    word: str | None = None,
) -> None:
    """Do one thing to an experiment, as the options say."""
    with reported(verbose=verbose):
        from colearn_agents.cli.experiment_acts import run_act
        from colearn_agents.cli.talk import Manner

        run_act(Manner(config=config, card=card, as_json=as_json, yes=yes), choose, word=word)
