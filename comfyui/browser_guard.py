"""Which requests of browsers are served. Any web page can send some to ComfyUI; it must neither read nor change anything here."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

REFUSED = "refused"
# Sees the state: another machine's browser, or one behind a proxy.
READER = "reader"
# May also change it, with the token: a page of this ComfyUI, in a browser of this machine.
LOCAL = "local"

TOKEN_HEADER = "X-Autocached-Token"

# Whoever passes requests on says so in one of these, or in one that begins with x-forwarded.
_FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")


def standing(headers, peer: str | None) -> str:
    """`headers` of a request that came from the address `peer`."""
    names = {name.lower() for name in headers}
    host = headers.get("Host", "").lower()
    origin = headers.get("Origin")
    # A browser says where the page is from that asks: in Origin with every POST, in Sec-Fetch-Site when the host is trustworthy.
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return REFUSED
    if origin is not None and origin.lower() not in ("http://" + host, "https://" + host):
        return REFUSED
    forwarded = any(name in _FORWARDED or name.startswith("x-forwarded") for name in names)
    if forwarded or not _is_loopback(peer):
        return READER
    name = _hostname(host) or ""
    if _is_loopback(name):
        return LOCAL
    # A name out of the DNS that leads to this machine makes any site's page local: rebinding. Addresses and bare names do not.
    return REFUSED if "." in name and _address(name) is None else READER


def may_have_token(headers, peer: str | None) -> bool:
    """Only a page of this ComfyUI that says so: a proxy that says nothing of itself leaves the Origin as it was."""
    return standing(headers, peer) == LOCAL and "Origin" in headers


def may_change(headers, peer: str | None, token: str) -> bool:
    """The type makes a browser ask first, and ComfyUI does not allow it to other sites."""
    is_json = headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"
    given = headers.get(TOKEN_HEADER, "")
    return is_json and may_have_token(headers, peer) and hmac.compare_digest(given.encode("utf-8"), token.encode("utf-8"))


def _hostname(host: str) -> str | None:
    try:
        return urlsplit("//" + host).hostname
    except ValueError:
        return None


def _is_loopback(name: str | None) -> bool:
    if name == "localhost":
        return True
    address = _address(name)
    return address is not None and (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _address(name: str | None):
    try:
        return ipaddress.ip_address(name or "")
    except ValueError:
        return None
