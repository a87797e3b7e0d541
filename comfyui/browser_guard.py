"""Tells which browser requests are served. Any web page can send requests to ComfyUI, and must neither read nor change anything here."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

REFUSED = "refused"
# May see the state: a browser on another machine or behind a proxy.
READER = "reader"
# May also change it, with the token: a page of this ComfyUI in a browser on this machine.
LOCAL = "local"

TOKEN_HEADER = "X-Autocached-Token"

# A proxy names itself in one of these headers, or in one that begins with x-forwarded.
_FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")


def standing(headers, peer: str | None) -> str:
    """Classifies a request with these headers from the address `peer`."""
    names = {name.lower() for name in headers}
    host = headers.get("Host", "").lower()
    origin = headers.get("Origin")
    # A browser names the page's site: in Origin with each POST, and in Sec-Fetch-Site when the host is trustworthy.
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
    # DNS rebinding: a domain name that leads to this machine would make any site's page local. Addresses and bare names cannot.
    return REFUSED if "." in name and _address(name) is None else READER


def may_have_token(headers, peer: str | None) -> bool:
    """True only for local pages with an Origin: a proxy that does not name itself leaves the Origin unchanged."""
    return standing(headers, peer) == LOCAL and "Origin" in headers


def may_change(headers, peer: str | None, token: str) -> bool:
    """The JSON type makes a browser send a preflight request, and ComfyUI refuses that to other sites."""
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
