"""The configuration file: what it gives, and what is said about everything that is wrong in it."""

from __future__ import annotations

import io
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from colearn_agents.configuration.config import Config, load_config
from colearn_agents.configuration.passwords import VARIABLE
from colearn_agents.configuration.toml_file import MOST_FILE_BYTES
from colearn_chain.chain import Account
from colearn_chain.chain.keystore import Keystore, WrongPassword
from colearn_chain.errors import ConfigError
from colearn_chain.types import NO_DIGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

FULL = """\
storage = ["directory:store"]

[network]
chain_id = 11155111
rpc = [
    "https://node.example/v3/${RPC_KEY}",
    "http://127.0.0.1:8545",
]
finality = "finalized"
timeout = 2

[account]
name = "alice"
keystore = "accounts"
password = "${file:alice.password}"

[experiment]
card = "cards/one.json"

[learner]
factory = "package.module:factory"
index = 1
count = 3
arguments = { epochs = 2 }

[agent]
poll = 2.5
journals = "kept"
"""
LOCAL = '[network]\nchain_id = 31337\nrpc = "http://127.0.0.1:8545"\n'
HEX_KEY = "0x" + "4c" * 32


def load(folder: Path, text: str, **environment: str) -> Config:
    """Write a file and read it."""
    (folder / "agent.toml").write_text(text)
    return load_config(folder / "agent.toml", environment=environment)


def refusal(folder: Path, text: str) -> str:
    """What is said about a file that is wrong, after the name of the file."""
    with pytest.raises(ConfigError) as refused:
        load(folder, text)
    assert "\n" not in str(refused.value)
    return str(refused.value).removeprefix(str(folder / "agent.toml"))


def test_everything_that_a_file_says(tmp_path: Path) -> None:
    """Each table arrives; paths are relative to the file, wherever the command runs."""
    config = load(tmp_path, FULL, RPC_KEY="opaque")
    assert [repr(node) for node in config.nodes()] == [
        "Node(https://node.example)",
        "Node(http://127.0.0.1:8545)",
    ]
    assert (config.network.chain_id, config.finality) == (11155111, "finalized")
    assert config.experiment.card == tmp_path / "cards/one.json"
    assert (config.account.name, config.account.keystore) == ("alice", tmp_path / "accounts")
    learner = config.learner
    assert (learner.factory, learner.index, learner.count, learner.seed) == (
        "package.module:factory",
        1,
        3,
        0,
    )
    assert learner.arguments == {"epochs": 2}
    assert (config.tables.agent.poll, config.journals) == (2.5, tmp_path / "kept")
    assert not config.storage().has(NO_DIGEST)


def test_what_may_be_left_out(tmp_path: Path) -> None:
    """On a local chain blocks count at once; accounts lie in the home folder, journals beside the file."""
    config = load(tmp_path, LOCAL + '[account]\nname = "alice"\n')
    assert config.finality == 0
    assert len(config.nodes()) == 1
    assert config.account.keystore == Path("~/.colearn-chain/accounts").expanduser()
    assert (config.tables.agent.poll, config.journals) == (1.0, tmp_path / "journals")


def test_a_table_that_a_command_needs(tmp_path: Path) -> None:
    """An empty file is right, until something in it is needed."""
    config = load(tmp_path, "")
    for name in ("network", "account", "experiment", "learner"):
        with pytest.raises(ConfigError, match=rf"agent\.toml has no table \[{name}\]"):
            getattr(config, name)
    with pytest.raises(ConfigError, match=r"agent\.toml names no store"):
        config.storage()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[network\n", "line 1"),
        ('a = "\n', "line 1"),
        (
            "chain = 5\n",
            ", line 1: chain: is not known here; known are account, agent, experiment, learner, network",
        ),
        (
            LOCAL + "confirmation = 2\n",
            ", line 4: network.confirmation: is not known here; known are bearer_token",
        ),
        (
            '[network]\nchain = 31337\nrpc = "http://h"\n',
            ", line 2: network.chain: is not known here; known are bearer_token",
        ),
        ("# one\n\n[network]\nrpc = []\n", ", line 3: network.chain_id: is missing"),
        ("[network]\nchain_id = 31337\n", ", line 1: network.rpc: is missing"),
        (
            '[network]\nrpc = "http://h"\nchain_id = "5"\n',
            ", line 3: network.chain_id: input should be a valid int",
        ),
        (
            '[network]\nrpc = "http://h"\nchain_id = 0\n',
            ", line 3: network.chain_id: input should be greater",
        ),
        ("[network]\nchain_id = 31337\nrpc = []\n", ", line 3: network.rpc: "),
        (
            FULL.replace("http://127", "ftp://127"),
            ", line 5: network.rpc[1]: the address of a node begins with",
        ),
        (LOCAL + 'finality = "soon"\n', ", line 4: network.finality: input should be 'safe' or 'finalized'"),
        (LOCAL + "confirmations = -1\n", ", line 4: network.confirmations: input should be greater"),
        (LOCAL + "confirmations = true\n", ", line 4: network.confirmations: input should be a valid int"),
        (
            LOCAL + 'confirmations = 1\nfinality = "safe"\n',
            ", line 1: network: confirmations and finality exclude",
        ),
        (LOCAL.replace("31337", "1"), ", line 1: network: when does a block count"),
        (LOCAL + "timeout = 0\n", ", line 4: network.timeout: input should be greater than 0"),
        (LOCAL + "timeout = nan\n", ", line 4: network.timeout: "),
        (LOCAL + "ca_bundle = 5\n", ", line 4: network.ca_bundle: "),
        ("\n[account]\n", ", line 2: account.name: is missing"),
        (
            'storage = "ipfs:x"',
            ", line 1: storage[0]: ipfs is no kind of store that is known here: directory",
        ),
        ('storage = "store"', ", line 1: storage[0]: a store is written as directory:PATH"),
        ("storage = []", ", line 1: storage: "),
        ('storage = ["directory:a", "directory:b"]', ", line 1: storage: "),
        ("network = 5", ", line 1: network: "),
        ('[learner]\nfactory = "a:b"\ncount = 0\n', ", line 3: learner.count: "),
        ("[agent]\npoll = 0\n", ", line 2: agent.poll: input should be greater than 0"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    """One sentence that names file, line and key."""
    assert says in refusal(tmp_path, text)


def test_a_file_that_is_nested_without_end(tmp_path: Path) -> None:
    """It is refused by name, whatever recursion limit other packages have set."""
    assert "nested too deeply" in refusal(tmp_path, f"x = {'[' * 120_000}{']' * 120_000}")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder, bytes that are no text and far too many of them are each said by name."""
    (tmp_path / "latin").write_bytes(b'name = "\xe9"')
    (tmp_path / "huge").write_bytes(b"#" * (MOST_FILE_BYTES + 1))
    for name, says in [
        ("none", "No such file"),
        (".", "directory"),
        ("latin", "UTF-8"),
        ("huge", "more than"),
    ]:
        with pytest.raises(ConfigError, match=says) as refused:
            load_config(tmp_path / name, environment={})
        assert str(tmp_path / name) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        (f'[account]\nname = "alice"\nprivate_key = "{HEX_KEY}"\n', "account.private_key", 3),
        (f'[account]\nname = "{HEX_KEY}"\n', "account.name", 2),
        (f'[account]\nname = "{HEX_KEY[2:]}"\n', "account.name", 2),
        (f'[account]\nname = "a"\npassword = "{HEX_KEY}"\n', "account.password", 3),
        (f'key = "{HEX_KEY}"\n', "key", 1),
        (f'keys = [\n  "x",\n  "{HEX_KEY}",\n]\n', "keys[1]", 1),
        ('[account]\nmnemonic = "test test test"\n', "account.mnemonic", 2),
        ('[learner]\nfactory = "a:b"\narguments = { Private_Key = 5 }\n', "learner.arguments.Private_Key", 3),
    ],
)
def test_a_raw_private_key(tmp_path: Path, text: str, key: str, line: int) -> None:
    """It is refused wherever it stands, with what to do instead, and is not repeated."""
    said = refusal(tmp_path, text)
    assert said.startswith(f", line {line}: {key}: a private key is not kept here")
    assert "colearn-chain account import" in said
    assert "4c4c" not in said


def test_a_hash_among_a_learners_arguments(tmp_path: Path) -> None:
    """What a factory is handed may look like a key: data sets are named by hashes."""
    text = f'[learner]\nfactory = "a:b"\narguments = {{ data = "{HEX_KEY}" }}\n'
    assert load(tmp_path, text).learner.arguments == {"data": HEX_KEY}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('password = "hunter2"', "account.password: a secret is not written here but referred to"),
        ('password = "x${PW}"', "account.password: a secret is not written here"),
        ('password = "${PW"', "account.password: a reference is"),
        ('password = "${1}"', "account.password: a reference is"),
        (
            '[network]\nchain_id = 1\nrpc = "http://u:hunter2@h"',
            "network.rpc[0]: a password is not written here",
        ),
        (
            '[network]\nchain_id = 1\nrpc = "http://h"\nbearer_token = "hunter2"',
            "network.bearer_token: a secret",
        ),
    ],
)
def test_a_secret_that_stands_in_the_file(tmp_path: Path, line: str, says: str) -> None:
    """It is refused and not repeated."""
    said = refusal(tmp_path, f'[account]\nname = "alice"\n{line}\n')
    assert says in said
    assert "hunter2" not in said


def test_a_traceback_shows_no_secret(tmp_path: Path) -> None:
    """What ``--verbose`` prints has the causes of an error too, and none of them repeats the file."""
    password = "hunter" + "2"  # not in a line of source, which a traceback shows
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, f'[network]\nchain_id = 1\nrpc = "http://u:{password}@h"\n')
    assert password not in "".join(traceback.format_exception(refused.value))


def unlocking(folder: Path, password_line: str, environment: Mapping[str, str]) -> str:
    """Unlock an account that a file names; return its address."""
    text = f'[account]\nname = "alice"\nkeystore = "keys"\n{password_line}\n'
    config = load(folder, text, **environment)
    return config.unlock().account.address


@pytest.fixture
def alice(tmp_path: Path) -> str:
    """Store an account; return its address."""
    return Keystore(tmp_path / "keys", work_factor=2).create("alice", "right").address


def test_a_password_from_a_file(tmp_path: Path, alice: str) -> None:
    """The end of the line is not part of it; spaces are."""
    for content in ("right", "right\n", "right\r\n"):
        (tmp_path / "pw").write_text(content, newline="")
        assert unlocking(tmp_path, 'password = "${file:pw}"', {}) == alice
    (tmp_path / "pw").write_text("right \n")
    with pytest.raises(WrongPassword):
        unlocking(tmp_path, 'password = "${file:pw}"', {})


def test_a_password_from_the_environment(tmp_path: Path, alice: str) -> None:
    """By the name that the file gives, or where it gives none, by the usual one."""
    assert unlocking(tmp_path, 'password = "${PW}"', {"PW": "right", VARIABLE: "wrong"}) == alice
    assert unlocking(tmp_path, "", {VARIABLE: "right"}) == alice


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('password = "${PW}"', "line 4: account.password: the environment variable PW is not set"),
        ('password = "${EMPTY}"', "line 4: account.password: the environment variable EMPTY is not set"),
        ('password = "${file:none}"', "line 4: account.password: cannot read .*none: No such file"),
        ('password = "${file:void}"', "line 4: account.password: .*void is empty"),
        ('password = "${file:latin}"', "line 4: account.password: cannot read .*latin: it is no text"),
        ('password = "${file:huge}"', "line 4: account.password: .*huge is larger than any secret"),
        ("", f"there is no terminal to ask 'Password of alice' on: name a file, or set {VARIABLE}"),
    ],
)
def test_a_password_that_is_nowhere(
    tmp_path: Path, alice: str, line: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the file refers to is looked for when it is needed, and missed by name."""
    monkeypatch.setattr("sys.stdin", io.StringIO())  # no terminal, wherever the tests run
    (tmp_path / "void").touch()
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "huge").write_bytes(b"a" * 70_000)
    with pytest.raises(ConfigError, match=says):
        unlocking(tmp_path, line, {"EMPTY": ""})


def test_an_address_from_elsewhere(tmp_path: Path) -> None:
    """A whole address can be referred to; one that is none is missed by key and line, and not repeated."""
    text = '[network]\nchain_id = 31337\nrpc = "${RPC}"\n'
    assert repr(load(tmp_path, text, RPC="https://h/opaque").nodes()) == "[Node(https://h)]"
    with pytest.raises(ConfigError, match=r"line 3: network\.rpc\[0\]: the address of a node") as refused:
        load(tmp_path, text, RPC="ws://h/opaque").nodes()
    assert "opaque" not in str(refused.value)
    with pytest.raises(
        ConfigError, match=r"line 3: network\.rpc\[0\]: the environment variable RPC is not set"
    ):
        load(tmp_path, text).nodes()


def test_a_token_and_certificates(tmp_path: Path) -> None:
    """They are looked for when nodes are, and missed by line."""
    with pytest.raises(ConfigError, match=r"line 4: network\.bearer_token: cannot read"):
        load(tmp_path, LOCAL + 'bearer_token = "${file:none}"\n').nodes()
    with pytest.raises(ConfigError, match=r"line 1: network: .*none\.pem is no bundle"):
        load(tmp_path, LOCAL + 'ca_bundle = "none.pem"\n').nodes()
    (tmp_path / "token").write_text("opaque\n")
    config = load(tmp_path, LOCAL + 'bearer_token = "${file:token}"\n')
    assert len(config.nodes()) == 1


def test_no_representation_shows_a_secret(tmp_path: Path) -> None:
    """A configuration can be logged, whatever its author wrote into it."""
    config = load(tmp_path, FULL.replace("${RPC_KEY}", "opaque"), RPC_KEY="opaque", PW="opaque")
    assert "opaque" not in repr(config) + repr(config.nodes())


def test_a_node_on_another_chain(tmp_path: Path) -> None:
    """The chain id of the file is what the node must say."""
    from colearn_chain.chain.devnet import devnet  # noqa: PLC0415 - only here

    with devnet([Account.seeded("x", 0).address], port=0) as chain:
        text = f'[network]\nchain_id = 1\nconfirmations = 0\nrpc = "{chain.url}"\n'
        with pytest.raises(ConfigError, match=f"is on chain {chain.chain_id}, not on 1"):
            load(tmp_path, text).nodes()[0].block_number()
