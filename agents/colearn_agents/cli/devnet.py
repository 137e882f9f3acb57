"""The command ``devnet``: a local chain for several processes, until Ctrl-C."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import typer

from colearn_agents.configuration.addresses import checked_address
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colearn_chain.chain.devnet import Devnet, TestAccount


def run_devnet(engine: str, *, port: int, block_time: int, accounts: int, fund: Iterable[str]) -> None:
    """Run a local chain until a signal asks to stop.

    Args:
        engine: ``anvil``, ``eth-tester``, or ``auto``: anvil if it is there.
        port: to listen on; 0: a free one.
        block_time: seconds from block to block.
        accounts: how many test accounts are funded and shown.
        fund: further addresses that get money.

    Raises:
        ConfigError: the chain cannot be started, or an address is none.
        ChainError: it ended by itself.
    """
    from colearn_chain.chain.devnet import account_of_everybody, devnet  # noqa: PLC0415 - imports web3

    own = [checked_address(text) for text in fund]
    shared = [account_of_everybody(index) for index in range(accounts)]
    funded = [account.address for account in shared] + own
    # All of them, also where a shell started us with some ignored, as it does in the background.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    try:
        with devnet(funded, port=port, block_time=block_time, anvil=_program(engine)) as chain:
            _show(chain, block_time, shared, own)
            chain.wait()
    except KeyboardInterrupt:
        typer.echo("Stopped.")


def _program(engine: str) -> str | None:
    from colearn_chain.chain.devnet import find_anvil  # noqa: PLC0415 - imports web3

    found = None if engine == "eth-tester" else find_anvil()
    if engine == "anvil" and found is None:
        raise ConfigError("anvil is neither on the PATH nor in node_modules/.bin: npm install brings it")
    return found


def _show(chain: Devnet, block_time: int, shared: Iterable[TestAccount], own: Iterable[str]) -> None:
    every = "second" if block_time == 1 else f"{block_time} seconds"
    typer.echo(f"Chain {chain.chain_id} at {chain.url} ({chain.program}), a block every {every}")
    typer.echo("\nTest accounts, each with 1,000,000 ether; everybody knows their keys:\n")
    typer.echo(f"{'address':42}  private key")
    for account in shared:
        typer.echo(f"{account.address}  0x{account.private_key.hex()}")
    for address in own:
        typer.echo(f"{address}  (yours)")
    typer.echo(f'\nIn a configuration file:\n\n[network]\nchain_id = {chain.chain_id}\nrpc = ["{chain.url}"]')
    typer.echo("\nCtrl-C stops it.")
