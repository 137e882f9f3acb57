"""The two names of a folder: the digest that stands on chain, and the CID that IPFS knows it by.

The root of a UnixFS folder is a dag-pb node hashed with sha2-256. Its CIDv1
(https://github.com/multiformats/cid) is therefore the digest behind four fixed bytes: CID version 1, codec
dag-pb 0x70, hash function sha2-256 0x12, length 32. As text it is ``b`` (multibase: base32 in lower case,
unpadded) and the base32 of these 36 bytes.
"""

from __future__ import annotations

import base64
import binascii

from colearn_chain.errors import InvalidArtefact, shown
from colearn_chain.types import Digest

_PREFIX = bytes([0x01, 0x70, 0x12, 0x20])
_DIGEST_BYTES = 32
_PADDING = "======"
"""What 58 characters of base32 lack to a multiple of 8."""


def cid_of(digest: Digest) -> str:
    """The CID of the folder with this digest: 59 characters that begin with ``bafybei``.

    Raises:
        InvalidArtefact: the digest does not have 32 bytes.
    """
    if len(digest) != _DIGEST_BYTES:
        raise InvalidArtefact(f"a digest of {len(digest)} bytes, not 32", subject="digest", value=digest)
    return "b" + base64.b32encode(_PREFIX + digest).decode("ascii").rstrip("=").lower()


def digest_of(cid: str) -> Digest:
    """The digest of the folder with this CID.

    Raises:
        InvalidArtefact: it is not the CIDv1 of a dag-pb node by sha2-256, in base32.
    """
    try:
        raw = base64.b32decode(cid[1:].upper() + _PADDING)
    except (ValueError, binascii.Error):
        raw = b""
    digest = Digest(raw[len(_PREFIX) :])
    # Writing it again refuses what base32 lets pass: another prefix, capitals, bits beyond the last byte.
    if len(digest) != _DIGEST_BYTES or cid_of(digest) != cid:
        raise InvalidArtefact(f"'{shown(cid)}' is not the CID of a folder", subject="cid", value=cid)
    return digest
