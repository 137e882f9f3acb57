"""Accounts on disk: each an encrypted key file, with a key for encryption beside it under the same password.

``NAME.json`` is a Web3 Secret Storage file of version 3, which geth, MetaMask and others read too
(https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage/). ``NAME.x25519.json``
holds an X25519 private key (RFC 7748), to which others encrypt, encrypted by the same scheme. Only their
owner may read the files, they appear whole or not at all, and none is ever overwritten.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from eth_account import Account as EthAccount
from eth_utils.address import to_checksum_address
from pydantic import BaseModel, Field, ValidationError

from colearn_chain.canonical_json import strict_json
from colearn_chain.chain.accounts import Account
from colearn_chain.errors import ConfigError
from colearn_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SCRYPT_WORK_FACTOR = 2**18
"""scrypt's N for new files (RFC 7914), as geth has it: a quarter of a GiB and a second for each guess."""

MOST_FILE_BYTES = 1 << 13
"""Several times what a key file has."""

_MOST_MEMORY = 1 << 30
_MOST_ITERATIONS = 10**8
_KEY_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_ENDING, _ENCRYPTION_ENDING = ".json", ".x25519.json"
_ENCRYPTION_TYPE = "colearn-chain-x25519"


class KeystoreError(ConfigError):
    """A key file is missing, in the way, or not what it must be.

    Attributes:
        path: the file or folder that this is about.
    """

    def __init__(self, message: str, *, path: Path) -> None:
        super().__init__(message)
        self.path = path


class WrongPassword(KeystoreError):
    """The password does not open the file. Which one it was is not said."""


@dataclass(frozen=True, kw_only=True)
class StoredAccount:
    """What a key file says without a password.

    Attributes:
        name: how its owner calls it.
        address: of the account.
        encryption_key: its X25519 public key, 32 bytes; None: there is none beside it.
        path: of the account's file.
    """

    name: str
    address: Address
    encryption_key: bytes | None
    path: Path


@dataclass(frozen=True, kw_only=True)
class UnlockedAccount:
    """An account that can sign, and decrypt what was encrypted to it.

    Attributes:
        account: signs.
        encryption_key: the X25519 private key.
    """

    account: Account
    encryption_key: X25519PrivateKey = field(repr=False)


class _Scrypt(BaseModel):
    n: int = Field(ge=2, le=1 << 24)
    r: int = Field(ge=1, le=64)
    p: int = Field(ge=1, le=64)
    dklen: Literal[32]
    salt: str


class _Pbkdf2(BaseModel):
    c: int = Field(ge=1, le=_MOST_ITERATIONS)
    prf: Literal["hmac-sha256"]
    dklen: Literal[32]
    salt: str


class _WithScrypt(BaseModel):
    kdf: Literal["scrypt"]
    kdfparams: _Scrypt


class _WithPbkdf2(BaseModel):
    kdf: Literal["pbkdf2"]
    kdfparams: _Pbkdf2


_Crypto = Annotated[_WithScrypt | _WithPbkdf2, Field(discriminator="kdf")]


class _AccountFile(BaseModel):
    version: Literal[3]
    address: str = Field(pattern=r"^(0x)?[0-9a-fA-F]{40}$")
    crypto: _Crypto


class _EncryptionFile(BaseModel):
    version: Literal[1]
    type: Literal["colearn-chain-x25519"]
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    crypto: _Crypto


class Keystore:
    """The key files of a folder.

    Args:
        folder: made when the first account is stored, for its owner alone.
        work_factor: scrypt's N for new files; less than the default is for tests.
    """

    def __init__(self, folder: Path, *, work_factor: int = SCRYPT_WORK_FACTOR) -> None:
        self.folder = folder
        self._work_factor = work_factor

    def create(self, name: str, password: str) -> StoredAccount:
        """Make an account with keys from the operating system's randomness.

        Raises:
            KeystoreError: the name is no plain one or taken, the password is empty, or the disk refuses.
        """
        return self.add(name, bytes(EthAccount.create().key), password)

    def add(self, name: str, private_key: bytes, password: str) -> StoredAccount:
        """Store an account whose private key exists already; its encryption key is made anew.

        Args:
            name: 1 to 64 letters, digits, ``_`` and ``-``, no ``-`` in front.
            private_key: 32 bytes.
            password: opens both files.

        Raises:
            KeystoreError: see :meth:`create`.
            ConfigError: this is no private key.
        """
        paths = self._path(name), self._encryption_path(name)
        if not password:
            raise KeystoreError("an empty password protects nothing", path=paths[0])
        Account(private_key)  # refuses what is none
        with _refusals("store", self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in paths:
            if os.path.lexists(path):
                raise _taken(path)
        # The account's file last: an account is there once all of it is there.
        _write_new(paths[1], self._encryption_file(password))
        _write_new(paths[0], self._encrypted(private_key, password))
        return self.find(name)

    def add_file(self, name: str, file: Path, password: str) -> StoredAccount:
        """Store a copy of an account whose key file of version 3 another program made.

        Args:
            name: see :meth:`add`.
            file: the key file.
            password: opens it, and the copy.

        Raises:
            KeystoreError: see :meth:`create`; also when the file is no such file.
            WrongPassword: this is not the file's password.
        """
        return self.add(name, _account_key(file, password), password)

    def accounts(self) -> list[StoredAccount]:
        """Return what the folder holds, by name; nothing when it does not exist.

        Raises:
            KeystoreError: a file in it is no key file, or cannot be read.
        """
        with _refusals("read", self.folder):
            names = [path.name for path in self.folder.glob(f"*{_ENDING}")]
        found = sorted(name.removesuffix(_ENDING) for name in names if not name.endswith(_ENCRYPTION_ENDING))
        return [self.find(name) for name in found]

    def find(self, name: str) -> StoredAccount:
        """Return what is known of an account without its password.

        Raises:
            KeystoreError: there is none of this name, or its files are not what they must be.
        """
        path, beside = self._path(name), self._encryption_path(name)
        if not path.is_file():
            raise KeystoreError(f"there is no account {name!r} in {self.folder}", path=path)
        stored = _AccountFile.model_validate(_read(path, _AccountFile))
        key = None
        if os.path.lexists(beside):
            key = bytes.fromhex(_EncryptionFile.model_validate(_read(beside, _EncryptionFile)).public_key)
        address = Address(to_checksum_address("0x" + stored.address.removeprefix("0x")))
        return StoredAccount(name=name, address=address, encryption_key=key, path=path)

    def unlock(self, name: str, password: str) -> UnlockedAccount:
        """Decrypt an account's two keys; takes about two seconds, on purpose.

        Raises:
            KeystoreError: a file is missing, damaged, or holds another key than it says.
            WrongPassword: this is not the password.
        """
        stored = self.find(name)
        beside = self._encryption_path(name)
        if stored.encryption_key is None:
            raise KeystoreError(f"{beside} is missing: the key that others encrypt to", path=beside)
        account = Account(_account_key(stored.path, password))
        key = X25519PrivateKey.from_private_bytes(
            _decrypted(beside, _read(beside, _EncryptionFile), password)
        )
        if key.public_key().public_bytes_raw() != stored.encryption_key:
            raise KeystoreError(f"{beside} holds another key than it says", path=beside)
        return UnlockedAccount(account=account, encryption_key=key)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise KeystoreError(
                f"{name!r} is no name for an account: 1 to 64 letters, digits, _ and -", path=self.folder
            )
        return self.folder / f"{name}{_ENDING}"

    def _encryption_path(self, name: str) -> Path:
        return self.folder / f"{name}{_ENCRYPTION_ENDING}"

    def _encrypted(self, key: bytes, password: str) -> dict[str, Any]:
        return dict(EthAccount.encrypt(key, password, kdf="scrypt", iterations=self._work_factor))

    def _encryption_file(self, password: str) -> dict[str, Any]:
        key = X25519PrivateKey.generate()
        return {
            "type": _ENCRYPTION_TYPE,
            "version": 1,
            "public_key": key.public_key().public_bytes_raw().hex(),
            "crypto": self._encrypted(key.private_bytes_raw(), password)["crypto"],
        }


def _account_key(path: Path, password: str) -> bytes:
    """The private key in a key file of version 3, which is the one of the address that the file names."""
    content = _read(path, _AccountFile)
    key = _decrypted(path, content, password)
    named = str(content["address"]).removeprefix("0x").lower()
    if Account(key).address[2:].lower() != named:
        raise KeystoreError(f"{path} holds another key than that of the address it names", path=path)
    return key


def _decrypted(path: Path, content: Mapping[str, Any], password: str) -> bytes:
    wrapped = {"version": 3, "crypto": content["crypto"]}
    try:
        key = bytes(EthAccount.decrypt(wrapped, password))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if "MAC mismatch" in str(error):
            raise WrongPassword(f"this is not the password of {path}", path=path) from error
        raise KeystoreError(f"{path} is damaged: {error}", path=path) from error
    if len(key) != _KEY_BYTES:
        raise KeystoreError(f"{path} holds {len(key)} bytes, where a key has {_KEY_BYTES}", path=path)
    return key


def _read(path: Path, kind: type[BaseModel]) -> dict[str, Any]:
    """A key file's content, once its parts are known to be what decryption expects."""
    with _refusals("read", path), path.open("rb") as file:
        text = file.read(MOST_FILE_BYTES + 1)
    try:
        content = _parsed(text)
        _check_memory(kind.model_validate(content, strict=True))
    except ValueError as error:
        raise KeystoreError(f"{path} is no key file: {_reason(error)}", path=path) from error
    return content


def _parsed(text: bytes) -> dict[str, Any]:
    """The members by their names in lower case, since some old wallets write ``Crypto``."""
    if len(text) > MOST_FILE_BYTES:
        raise ValueError(f"it has more than {MOST_FILE_BYTES} bytes")
    content = strict_json(text)
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - about a file, not about our own types
    return {str(key).lower(): value for key, value in content.items()}


def _check_memory(content: Any) -> None:
    params = content.crypto.kdfparams
    if isinstance(params, _Scrypt) and 128 * params.n * params.r > _MOST_MEMORY:
        raise ValueError(f"its scrypt asks for {128 * params.n * params.r} bytes of memory")


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _write_new(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file that its owner alone may read, whole or not at all, and not over another."""
    aside = path.with_name(f".tmp-{secrets.token_hex(8)}")
    with _refusals("store", path):
        try:
            _write_synced(aside, json.dumps(content, indent=2).encode() + b"\n")
            os.link(aside, path)  # unlike a rename, it fails when the name is taken
        except FileExistsError as error:
            raise _taken(path) from error
        finally:
            aside.unlink(missing_ok=True)
        _sync_folder(path.parent)


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _taken(path: Path) -> KeystoreError:
    return KeystoreError(f"{path} exists already, and key files are never overwritten", path=path)


@contextmanager
def _refusals(doing: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeystoreError(f"cannot {doing} {path}: {error.strerror or error}", path=path) from error
