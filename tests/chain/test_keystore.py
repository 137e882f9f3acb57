"""Accounts on disk: what opens them, what does not, and what is left behind when something goes wrong."""

from __future__ import annotations

import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account as EthAccount
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from colearn_chain.chain import Account
from colearn_chain.chain.keystore import Keystore, KeystoreError, WrongPassword
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

CHEAP = 2
PASSWORD = "correct horse"  # noqa: S105 - a test's
KEY = bytes(range(1, 33))

# The standard's own test vectors for version 3: the password is "testpassword".
VECTOR_KEY = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")
VECTOR = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
    "address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b",
}


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    """Give a test an empty keystore whose encryption is cheap."""
    return Keystore(tmp_path / "keys", work_factor=CHEAP)


def edit(path: Path, **changes: Any) -> None:
    """Change members of a key file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_account_is_stored_and_unlocked(keystore: Keystore) -> None:
    """The password brings back both keys, which are those that the files name."""
    made = keystore.create("alice", PASSWORD)
    opened = keystore.unlock("alice", PASSWORD)
    assert opened.account.address == made.address == keystore.find("alice").address
    assert opened.encryption_key.public_key().public_bytes_raw() == made.encryption_key


def test_every_account_has_keys_of_its_own(keystore: Keystore) -> None:
    """Nothing is derived from the name or the password."""
    made = [keystore.create(name, PASSWORD) for name in ("a", "b")]
    assert len({each.address for each in made}) == len({each.encryption_key for each in made}) == 2


def test_files_are_their_owners_alone(keystore: Keystore) -> None:
    """Files 0600, folder 0700, and nothing else is left in it."""
    keystore.create("alice", PASSWORD)
    files = sorted(keystore.folder.iterdir())
    assert [file.name for file in files] == ["alice.json", "alice.x25519.json"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(keystore.folder.stat().st_mode) == 0o700


def test_no_key_is_readable_in_the_files(keystore: Keystore) -> None:
    """What lies on the disk holds neither private key in any spelling of hex."""
    keystore.add("alice", KEY, PASSWORD)
    encryption = keystore.unlock("alice", PASSWORD).encryption_key.private_bytes_raw()
    text = "".join(file.read_text().lower() for file in keystore.folder.iterdir())
    assert KEY.hex() not in text
    assert encryption.hex() not in text


def test_other_programs_open_the_account(keystore: Keystore) -> None:
    """The account's file is plain version 3 and decrypts without any of our code."""
    stored = keystore.add("alice", KEY, PASSWORD)
    opened = EthAccount.decrypt(stored.path.read_text(), PASSWORD)
    assert bytes(opened) == KEY


def test_new_files_are_expensive_to_guess(tmp_path: Path) -> None:
    """Without being told otherwise, scrypt runs with N = 2^18, r = 8, p = 1."""
    stored = Keystore(tmp_path).create("alice", PASSWORD)
    for file in (stored.path, tmp_path / "alice.x25519.json"):
        params = json.loads(file.read_text())["crypto"]["kdfparams"]
        assert (params["n"], params["r"], params["p"]) == (2**18, 8, 1)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.integers(1, 2**250).map(lambda value: value.to_bytes(32)), password=st.text(min_size=1))
def test_any_key_under_any_password(keystore: Keystore, key: bytes, password: str) -> None:
    """Whatever text the password is, it gives the key back."""
    name = f"k{len(list(keystore.folder.parent.rglob('*.json')))}"
    try:
        password.encode()
    except UnicodeEncodeError:  # half of a surrogate pair is no text
        return
    assert keystore.add(name, key, password).address == Account(key).address
    assert keystore.unlock(name, password).account.address == Account(key).address


def test_a_wrong_password_says_nothing_of_the_right_one(keystore: Keystore) -> None:
    """The error is of its own type, names the file, and holds neither password."""
    keystore.create("alice", PASSWORD)
    with pytest.raises(WrongPassword, match=r"alice\.json") as refused:
        keystore.unlock("alice", "incorrect")
    assert refused.value.path == keystore.folder / "alice.json"
    assert "incorrect" not in str(refused.value)


def test_an_empty_password_is_refused(keystore: Keystore) -> None:
    """And nothing is written."""
    with pytest.raises(KeystoreError, match="empty password"):
        keystore.create("alice", "")
    assert not keystore.folder.exists()


@pytest.mark.parametrize(
    "name", ["", ".", "../alice", "a/b", "a.x25519", "-rf", "a" * 65, "alice\n", "älice"]
)
def test_a_name_that_leads_elsewhere(keystore: Keystore, name: str) -> None:
    """A name is a plain word: it can lead out of the folder neither for writing nor for reading."""
    for use in (lambda: keystore.create(name, PASSWORD), lambda: keystore.unlock(name, PASSWORD)):
        with pytest.raises(KeystoreError, match="no name for an account"):
            use()
    assert not keystore.folder.exists()


def test_an_account_is_never_overwritten(keystore: Keystore) -> None:
    """A second one of the same name is refused, and the first stays as it is."""
    keystore.create("alice", PASSWORD)
    before = {file.name: file.read_bytes() for file in keystore.folder.iterdir()}
    with pytest.raises(KeystoreError, match="never overwritten"):
        keystore.create("alice", "other")
    with pytest.raises(KeystoreError, match="never overwritten"):
        keystore.add("alice", KEY, "other")
    assert {file.name: file.read_bytes() for file in keystore.folder.iterdir()} == before


def test_two_processes_make_an_account_of_the_same_name(tmp_path: Path) -> None:
    """One of them gets it, whole; the other is told that the name is taken."""
    keystore, ready = Keystore(tmp_path / "keys", work_factor=2**12), threading.Barrier(2)

    def make(password: str) -> str | None:
        ready.wait()
        try:
            return keystore.create("alice", password).address
        except KeystoreError:
            return None

    with ThreadPoolExecutor(2) as both:
        made = dict(zip(("one", "two"), both.map(make, ("one", "two")), strict=True))
    (password,) = [each for each, address in made.items() if address]
    assert keystore.unlock("alice", password).account.address == made[password]


def test_a_lone_encryption_key_is_not_overwritten(keystore: Keystore) -> None:
    """Others may have encrypted to it, so it stays, even when its account's file is gone."""
    keystore.create("alice", PASSWORD).path.unlink()
    with pytest.raises(KeystoreError, match=r"x25519\.json exists"):
        keystore.create("alice", PASSWORD)
    assert keystore.accounts() == []


def test_a_dangling_link_in_the_place_is_not_followed(keystore: Keystore, tmp_path: Path) -> None:
    """A link that somebody put there does not lead the key elsewhere."""
    keystore.folder.mkdir()
    (keystore.folder / "alice.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeystoreError, match="never overwritten"):
        keystore.create("alice", PASSWORD)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("key", [b"", bytes(32), b"\xff" * 32, KEY[:31], KEY + b"\0"], ids=len)
def test_bytes_that_are_no_private_key(keystore: Keystore, key: bytes) -> None:
    """Nothing is stored, and the error does not repeat them."""
    with pytest.raises(ConfigError) as refused:
        keystore.add("alice", key, PASSWORD)
    assert len(key) == 0 or key.hex() not in str(refused.value)
    assert not keystore.folder.exists()


def test_an_unknown_account_is_named(keystore: Keystore) -> None:
    """The sentence says which, and where it was looked for."""
    with pytest.raises(KeystoreError, match=f"no account 'bob' in {keystore.folder}"):
        keystore.unlock("bob", PASSWORD)


def test_accounts_are_listed_by_name(keystore: Keystore) -> None:
    """Without a password, each once; an empty or missing folder holds none."""
    assert keystore.accounts() == []
    made = {name: keystore.create(name, PASSWORD) for name in ("bob", "alice")}
    assert keystore.accounts() == [made["alice"], made["bob"]]


def test_a_file_of_another_program_is_taken_in(keystore: Keystore, tmp_path: Path) -> None:
    """The standard's test vector comes in under its own password and gets an encryption key."""
    (tmp_path / "geth").write_text(json.dumps(VECTOR))
    stored = keystore.add_file("alice", tmp_path / "geth", "testpassword")
    assert stored.address == Account(VECTOR_KEY).address
    assert stored.encryption_key is not None
    assert keystore.unlock("alice", "testpassword").account.address == stored.address


def test_a_foreign_file_under_a_wrong_password(keystore: Keystore, tmp_path: Path) -> None:
    """Nothing is stored."""
    (tmp_path / "geth").write_text(json.dumps(VECTOR))
    with pytest.raises(WrongPassword):
        keystore.add_file("alice", tmp_path / "geth", PASSWORD)
    assert not keystore.folder.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no key file"),
        ("[]", "no JSON object"),
        ("{}", "version"),
        ("[" * 8_000, "is no key file"),
        (" " * 8_193, "more than 8192 bytes"),
        (json.dumps({**VECTOR, "version": 4}), "version"),
        (json.dumps({**VECTOR, "address": "0x12"}), "address"),
        (json.dumps({**VECTOR, "crypto": {**VECTOR["crypto"], "kdf": "md5"}}), "crypto"),  # type: ignore[dict-item]
    ],
    ids=["empty", "list", "object", "nested", "huge", "version", "address", "kdf"],
)
def test_a_file_that_is_no_key_file(keystore: Keystore, text: str, says: str) -> None:
    """The error names the file and the member, whatever the file holds."""
    keystore.folder.mkdir()
    (keystore.folder / "alice.json").write_text(text)
    for use in (
        keystore.accounts,
        lambda: keystore.find("alice"),
        lambda: keystore.unlock("alice", PASSWORD),
    ):
        with pytest.raises(KeystoreError, match=says) as refused:
            use()
        assert "alice.json" in str(refused.value)


def test_a_file_that_asks_for_all_the_memory(keystore: Keystore) -> None:
    """A crafted cost is refused before it is paid."""
    stored = keystore.create("alice", PASSWORD)
    crypto = json.loads(stored.path.read_text())["crypto"]
    crypto["kdfparams"] |= {"n": 2**24, "r": 64}
    edit(stored.path, crypto=crypto)
    with pytest.raises(KeystoreError, match="bytes of memory"):
        keystore.unlock("alice", PASSWORD)


@pytest.mark.parametrize("member", ["cipherparams", "ciphertext", "mac"])
def test_a_damaged_file(keystore: Keystore, member: str) -> None:
    """A member that is gone is a typed error that names the file."""
    stored = keystore.create("alice", PASSWORD)
    crypto = json.loads(stored.path.read_text())["crypto"]
    del crypto[member]
    edit(stored.path, crypto=crypto)
    with pytest.raises(KeystoreError, match=r"alice\.json is damaged"):
        keystore.unlock("alice", PASSWORD)


def test_an_address_that_is_not_the_keys(keystore: Keystore) -> None:
    """Nobody signs as another than the file says."""
    stored = keystore.create("alice", PASSWORD)
    edit(stored.path, address="00" * 20)
    with pytest.raises(KeystoreError, match="another key than that of the address"):
        keystore.unlock("alice", PASSWORD)


def test_an_encryption_key_that_is_not_the_one_named(keystore: Keystore) -> None:
    """The public key that was published is the one whose private half is there."""
    keystore.create("alice", PASSWORD)
    edit(keystore.folder / "alice.x25519.json", public_key="00" * 32)
    with pytest.raises(KeystoreError, match=r"x25519\.json holds another key"):
        keystore.unlock("alice", PASSWORD)


def test_an_encryption_key_that_is_missing(keystore: Keystore) -> None:
    """The account shows without one, and is not unlocked by half."""
    keystore.create("alice", PASSWORD)
    (keystore.folder / "alice.x25519.json").unlink()
    assert keystore.find("alice").encryption_key is None
    with pytest.raises(KeystoreError, match=r"x25519\.json is missing"):
        keystore.unlock("alice", PASSWORD)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """The operating system's refusal is a typed error that names the path."""
    (tmp_path / "keys").write_text("mine")
    with pytest.raises(KeystoreError, match="cannot store"):
        Keystore(tmp_path / "keys", work_factor=CHEAP).create("alice", PASSWORD)


def test_keys_show_in_no_representation(keystore: Keystore) -> None:
    """An unlocked account can be logged without harm."""
    keystore.add("alice", KEY, PASSWORD)
    opened = keystore.unlock("alice", PASSWORD)
    assert KEY.hex() not in repr(opened).lower()
    assert opened.encryption_key.private_bytes_raw().hex() not in repr(opened).lower()
