"""Addresses as people type them."""

from __future__ import annotations

from colearn_chain.errors import ConfigError
from colearn_chain.types import Address


def checked_address(text: str) -> Address:
    """Return the address that a text is.

    Raises:
        ConfigError: it is none, or its capitals are not those of its checksum (EIP-55).
    """
    from eth_utils.address import is_hex_address, to_checksum_address  # noqa: PLC0415 - 0.1 s of CPU

    # capitals are a checksum unless there are none
    if not is_hex_address(text) or text not in {text.lower(), to_checksum_address(text)}:
        raise ConfigError(
            f"{text!r} is no address: 0x and 40 hex digits, capitals as in its checksum or none"
        )
    return Address(to_checksum_address(text))
