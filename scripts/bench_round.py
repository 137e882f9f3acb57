"""Measure what a round costs outside the learners' own work, and what importing costs.

Learners whose machine learning does next to nothing play rounds on every kind of node that is there:
eth-tester always, anvil when it is on the PATH or in node_modules/.bin. Their calls are timed and subtracted.

    .venv/bin/python scripts/bench_round.py
"""

# ruff: noqa: PLC0415 - what is imported early would be in the memory of every child whose peak is measured
from __future__ import annotations

import argparse
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence

    from colearn_agents.group.founding import Chain, Founding
    from colearn_agents.party.agent import LearnerAgent
    from colearn_agents.party.events import Event
    from colearn_chain.chain import Node
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.rounds import Action
    from colearn_chain.types import Address

SHAPES = {
    "conv1.weight": (20, 1, 5, 5),
    "conv1.bias": (20,),
    "conv2.weight": (50, 20, 5, 5),
    "conv2.bias": (50,),
    "dense1.weight": (500, 800),
    "dense1.bias": (500,),
    "dense2.weight": (10, 500),
    "dense2.bias": (10,),
}
"""LeNet: 431,080 parameters, in float32 1.7 MB."""

IMPORTS = {
    "python alone": ["-c", "pass"],
    "import colearn_chain": ["-c", "import colearn_chain"],
    "colearn-chain --help": ["-c", "from colearn_agents.cli import main; main()", "--help"],
}
TRIES = 5
RECEIPT = "eth_getTransactionReceipt"


@dataclass
class Meter:
    """Wall time and CPU of this process while something runs, added up."""

    wall: float = 0.0
    cpu: float = 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Let every call of a function be added."""

        def call(*arguments: Any) -> Any:
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return function(*arguments)
            finally:
                self.wall += time.perf_counter() - wall
                self.cpu += time.process_time() - cpu

        return call

    def since(self, earlier: Meter) -> Meter:
        """What was added since a copy was made."""
        return Meter(self.wall - earlier.wall, self.cpu - earlier.cpu)

    def copy(self) -> Meter:
        """As it stands."""
        return Meter(self.wall, self.cpu)


@dataclass
class Play:
    """Everything that is counted while agents play.

    Attributes:
        learning: the learners' own work.
        node: requests answered in this process, which is the node's work on eth-tester.
        transactions: how many were mined.
        gas: units of gas.
        calls: requests by agent, without idle polls and waiting for receipts.
    """

    learning: Meter = field(default_factory=Meter)
    node: Meter = field(default_factory=Meter)
    transactions: int = 0
    gas: int = 0
    calls: list[int] = field(default_factory=list)

    def observe(self, event: Event) -> None:
        """Count transactions."""
        from colearn_agents.party.events import Sent

        if isinstance(event, Sent):
            self.transactions += 1
            self.gas += event.gas_used


@dataclass(frozen=True)
class Result:
    """What one round cost on one kind of node, on average.

    Attributes:
        node: its name.
        wall: seconds outside machine learning, node included.
        agents_cpu: milliseconds of CPU in the agents' process, without learning and an embedded node.
        node_cpu: milliseconds of CPU of the node.
        transactions: how many.
        calls: requests of an agent: the mean, and of the one with the most.
        gas: units of gas.
    """

    node: str
    wall: float
    agents_cpu: float
    node_cpu: float
    transactions: float
    calls: tuple[float, float]
    gas: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    # First of all: a child's peak memory begins with that of its parent.
    imports = {name: importing(arguments) for name, arguments in IMPORTS.items()}
    system = f"{platform.system()} {platform.machine()}"
    print(f"Python {platform.python_version()}, {system}, {os.cpu_count()} cores\n")
    print_rounds(measure_all(options.learners, options.rounds), options.learners, options.rounds)
    print_imports(imports)


# ----------------------------------------------------------------------------------------------- importing


def importing(arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds of CPU and MB of peak memory of a Python that does this; the best of some tries."""
    tries = [_run([sys.executable, *arguments]) for _ in range(TRIES)]
    return min(cpu for cpu, _ in tries), min(peak for _, peak in tries)


def _run(command: Sequence[str]) -> tuple[float, float]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - this Python
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    # Linux counts in KiB, macOS in bytes
    unit = 1024 if sys.platform == "linux" else 1
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6


# -------------------------------------------------------------------------------------------------- rounds


def measure_all(learners: int, rounds: int) -> list[Result]:
    """Play on every kind of node that is there."""
    from colearn_chain.chain import embedded_chain
    from colearn_chain.chain.devnet import find_anvil
    from colearn_chain.testing.chain import anvil_chain

    results = [measure("eth-tester", embedded_chain, learners, rounds)]
    anvil = find_anvil()
    if anvil:
        with ExitStack() as running:
            results.append(
                measure(
                    "anvil",
                    lambda addresses: running.enter_context(anvil_chain(anvil, addresses)),
                    learners,
                    rounds,
                )
            )
    return results


def measure(node: str, start: Callable[[Sequence[Address]], Chain], learners: int, rounds: int) -> Result:
    """Play a round to warm up, and then so many to be measured."""
    play = Play()
    with tempfile.TemporaryDirectory(prefix="colearn-bench-") as folder:
        seats = sit_down(play, start, learners, rounds + 1, Path(folder))
        play_on(seats, play, 1)
        play.transactions = play.gas = 0
        play.calls = [0] * learners
        whole, before, children = Meter(), (play.learning.copy(), play.node.copy()), children_cpu()
        whole.timed(play_on)(seats, play, rounds)
        spent = whole, play.learning.since(before[0]), play.node.since(before[1])
        return result(node, play, rounds, spent, children_cpu() - children)


def result(node: str, play: Play, rounds: int, spent: tuple[Meter, Meter, Meter], children: float) -> Result:
    """Subtract what is not the agents', and divide by the rounds."""
    whole, learning, answering = spent
    inside = answering.cpu if node == "eth-tester" else 0.0
    return Result(
        node=node,
        wall=(whole.wall - learning.wall) / rounds,
        agents_cpu=1000 * (whole.cpu - learning.cpu - inside) / rounds,
        node_cpu=1000 * (inside or children) / rounds,
        transactions=play.transactions / rounds,
        calls=(sum(play.calls) / len(play.calls) / rounds, max(play.calls) / rounds),
        gas=play.gas / rounds,
    )


@dataclass(frozen=True)
class Seat:
    """An agent, and the count of its requests by method."""

    agent: LearnerAgent
    asked: Counter[str]

    def step(self) -> tuple[Action, int]:
        """Step; what was done, and by how many requests that count."""
        from colearn_chain.rounds import Stop, Wait

        before = self.asked.total() - self.asked[RECEIPT]
        action = self.agent.step()
        asked = self.asked.total() - self.asked[RECEIPT] - before
        return action, 0 if isinstance(action, Wait | Stop) else asked


def play_on(seats: Sequence[Seat], play: Play, rounds: int) -> None:
    """Step all by turns until each has adopted so many more accepted models."""
    from colearn_chain.rounds import Adopt

    adopted = [0 if seat.agent.held else -1 for seat in seats]
    while min(adopted) < rounds:
        for index, seat in enumerate(seats):
            if adopted[index] < rounds:
                action, asked = seat.step()
                play.calls[index] += asked
                adopted[index] += isinstance(action, Adopt)


def sit_down(
    play: Play, start: Callable[[Sequence[Address]], Chain], learners: int, rounds: int, folder: Path
) -> list[Seat]:
    """Found an experiment, and give each learner an agent with a wire of its own to the node."""
    from colearn_agents.group.founding import found
    from colearn_agents.group.settings import GroupSettings
    from colearn_chain.storage import ArtefactStore, DirectoryStorage

    crew = [lenet(play.learning) for _ in range(learners)]
    store = ArtefactStore(DirectoryStorage(folder / "store"), folder / "scratch")
    founding = found(GroupSettings(learners=learners, rounds=rounds), crew, store, start_chain=start)
    play.calls = [0] * learners
    return [seat_of(play, founding, learner, index, folder) for index, learner in enumerate(crew)]


def seat_of(
    play: Play, founding: Founding, learner: MachineLearningInterface, index: int, folder: Path
) -> Seat:
    """Put one agent together: the shared store, a journal on disk, and a counted wire."""
    from colearn_agents.group.founding import party_account
    from colearn_agents.party.agent import LearnerAgent
    from colearn_agents.party.journal import Journal
    from colearn_chain.chain import ExperimentContract, Sender
    from colearn_chain.storage import ArtefactStore, DirectoryStorage

    node, asked = wire(founding, play.node)
    agent = LearnerAgent(
        learner,
        contract=ExperimentContract(node, founding.contract.address),
        sender=Sender(node, party_account(0, index + 1)),
        store=ArtefactStore(DirectoryStorage(folder / "store"), folder / f"scratch-{index}"),
        journal=Journal.open(folder / f"{index}.jsonl"),
        observe=play.observe,
    )
    return Seat(agent, asked)


def wire(founding: Founding, meter: Meter) -> tuple[Node, Counter[str]]:
    """A node behind a provider that counts and times, and its count."""
    from web3 import Web3

    from colearn_chain.chain import Node
    from colearn_chain.testing.chain import FaultyProvider

    class Timed(FaultyProvider):
        """Counts and times."""

        def request_func(self, w3: Web3, middleware_onion: Any) -> Any:
            """Return the function that asks; see web3.py."""
            return meter.timed(super().request_func(w3, middleware_onion))

    provider = Timed(founding.chain.web3.provider)
    return Node(Web3(provider)), provider.calls


def lenet(meter: Meter) -> MachineLearningInterface:
    """A learner that holds a LeNet and whose machine learning is next to nothing; its calls are timed."""
    import numpy as np

    from colearn_chain.ml_interface import (
        ColearnModel,
        MachineLearningInterface,
        ModelFormat,
        ProposedWeights,
        Weights,
    )

    class Lenet(MachineLearningInterface):
        """Adds one to the last bias; more is better."""

        def __init__(self) -> None:
            rng = np.random.default_rng(0)
            self.held = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
            for name in ("propose", "test", "accept", "get_current"):
                full = f"mli_{name}_weights"
                setattr(self, full, meter.timed(getattr(self, full)))

        def mli_propose_weights(self) -> Weights:
            return Weights(weights=self.held | {"dense2.bias": self.held["dense2.bias"] + 1})

        def mli_test_weights(self, weights: Weights) -> ProposedWeights:
            score = float(weights.weights["dense2.bias"][0])
            better = score > float(self.held["dense2.bias"][0])
            return ProposedWeights(weights=weights, vote_score=score, test_score=score, vote=better)

        def mli_accept_weights(self, weights: Weights) -> None:
            self.held = {name: array.copy() for name, array in weights.weights.items()}

        def mli_get_current_weights(self) -> Weights:
            return Weights(weights={name: array.copy() for name, array in self.held.items()})

        def mli_get_current_model(self) -> ColearnModel:
            return ColearnModel(model_format=ModelFormat.NATIVE, model=self.held)

    return Lenet()


def children_cpu() -> float:
    """Seconds of CPU that this process's running children have spent; on Linux, else 0."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        # proc_pid_stat(5), counted from the third field: 4 ppid, 14 utime, 15 stime
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------------------------------------------ printing


def print_rounds(results: Sequence[Result], learners: int, rounds: int) -> None:
    """Print what a round costs."""
    parameters = sum(math.prod(shape) for shape in SHAPES.values())
    print(f"{learners} learners, {parameters:,} float32 parameters, mean of {rounds} accepted rounds:\n")
    print_row("node", *(result.node for result in results))
    print_row("---", *("--:" for _ in results))
    print_row("seconds outside ML", *(f"{result.wall:.3f}" for result in results))
    print_row("CPU of the agents' process, ms", *(f"{result.agents_cpu:.0f}" for result in results))
    print_row("CPU of the node, ms", *(f"{result.node_cpu:.0f}" for result in results))
    print_row("transactions", *(f"{result.transactions:.1f}" for result in results))
    print_row("RPC calls of an agent, mean", *(f"{result.calls[0]:.1f}" for result in results))
    print_row("RPC calls of the busiest agent", *(f"{result.calls[1]:.1f}" for result in results))
    print_row("gas", *(f"{result.gas:,.0f}" for result in results))


def print_imports(imports: Mapping[str, tuple[float, float]]) -> None:
    """Print what importing costs."""
    print(f"\nBest of {TRIES} processes:\n")
    print_row("", "CPU, s", "peak memory, MB")
    print_row("---", "--:", "--:")
    for name, (cpu, peak) in imports.items():
        print_row(name, f"{cpu:.2f}", f"{peak:.0f}")


def print_row(*cells: str) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
