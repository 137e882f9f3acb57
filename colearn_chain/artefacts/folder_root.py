"""A folder's digest from its files' CIDs and sizes alone: it proves a manifest whose weights are gone.

The root of a folder is a dag-pb node (https://ipld.io/specs/codecs/dag-pb/spec/) of UnixFS
(https://specs.ipfs.tech/unixfs/): one link for each file, sorted by name, with its CID, its name and the size
of all blocks below it. That size follows from the file's: chunks of 256 KiB are raw leaves, and up to 174
nodes at a time get a parent, which is a dag-pb node with a link for each of them.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from colearn_chain.errors import InvalidArtefact, shown
from colearn_chain.types import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK = 256 * 1024
_MOST_CHILDREN = 174
_CID_BYTES = 36
"""Version, codec, hash function and length take a byte each, and the hash 32."""

_FOLDER = b"\x08\x01"
"""UnixFS: Type (field 1) is Directory."""

_FILE = b"\x08\x02"
"""UnixFS: Type (field 1) is File."""


class FileRoot(NamedTuple):
    """A file by the CID of its root (base32) and its size in bytes."""

    cid: str
    size: int


class _Node(NamedTuple):
    """A node of a file's tree: the file's bytes below it, and the bytes of all blocks from it on."""

    content: int
    blocks: int


def folder_root(files: Mapping[str, FileRoot]) -> Digest:
    """The digest of the folder that holds exactly these files.

    Raises:
        InvalidArtefact: a CID is not of 36 bytes in base32.
    """
    links = (
        _field(2, _link(_cid_bytes(file.cid), name, _blocks_of(file.size)))
        for name, file in sorted(files.items())
    )
    return Digest(hashlib.sha256(b"".join(links) + _field(1, _FOLDER)).digest())


def _blocks_of(size: int) -> int:
    """The bytes of all blocks of a file of so many bytes.

    On every level of its tree all nodes are alike but the last, so that none has to be listed.
    """
    count = max(size - 1, 0) // _CHUNK
    alike, rest = _Node(_CHUNK, _CHUNK), size - count * _CHUNK
    last = _Node(rest, rest)
    while count:
        parents, left = divmod(count, _MOST_CHILDREN)
        count, alike, last = parents, _parent([alike] * _MOST_CHILDREN), _parent([alike] * left + [last])
    return last.blocks


def _parent(children: list[_Node]) -> _Node:
    content = sum(child.content for child in children)
    sizes = b"".join(_number(4, child.content) for child in children)
    links = sum(len(_field(2, _link(bytes(_CID_BYTES), "", child.blocks))) for child in children)
    own = links + len(_field(1, _FILE + _number(3, content) + sizes))
    return _Node(content, own + sum(child.blocks for child in children))


def _link(cid: bytes, name: str, blocks: int) -> bytes:
    return _field(1, cid) + _field(2, name.encode()) + _number(3, blocks)


def _field(number: int, value: bytes) -> bytes:
    """Bytes as Protocol Buffers write them: wire type 2."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    """A number as Protocol Buffers write it: wire type 0."""
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F)
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def _cid_bytes(cid: str) -> bytes:
    try:
        raw = base64.b32decode(cid[1:].upper() + "=" * (-(len(cid) - 1) % 8))
    except ValueError:
        raw = b""
    if len(raw) != _CID_BYTES:
        raise InvalidArtefact(f"'{shown(cid)}' is no CID of a file", subject="cid", value=cid)
    return raw
