"""Addresses of nodes, which can hold the operator's keys: what is one, and what may be shown of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from colearn_chain.errors import ConfigError


def check_url(url: str) -> None:
    """Check that this is an address that nodes can be reached at.

    Raises:
        ConfigError: it is not; it is shown without what could be secret in it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # Without the cause, which names what is wrong: that can be half of a password.
        raise ConfigError("the address of a node is no URL; in a password, / is written %2F") from None
    if "@" in parts.path:
        raise ConfigError("the address of a node has an @ in its path; in a password, / is written %2F")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(
            f"the address of a node begins with http:// or https:// and a host, unlike {masked(url)}"
        )


def masked(url: str) -> str:
    """Return what may be shown of a URL: no user and password, and no path and query, where keys can be."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "(no URL)"
    if not parts.hostname:
        return f"{parts.scheme}:…" if parts.scheme else "(no URL)"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    hidden = "/…" if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{host}{port}{hidden}"
