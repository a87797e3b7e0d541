"""The proof that both ends of a connection know the daemon's token, which itself never crosses it. docs/TRUST.md describes it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os

ANSWER_HEADER = "Autocached-Proof"
# More than the daemon's proof ever is.
_PROOF_BYTES = 1024


class NotTheDaemon(Exception):
    """Whoever listens at the daemon's address does not know its token: nothing was said to it, and nothing it said counts."""


class Session:
    """One connection after the exchange; its key holds for no other."""

    def __init__(self, token: str, host: str, client_nonce: str, daemon_nonce: str):
        self._key = _mac(token.encode(), "session", host, client_nonce, daemon_nonce)
        self._number = 0

    def authorization(self, method: str, route: str, body: bytes | None) -> str:
        """The header of the next request."""
        self._number += 1
        digest = hashlib.sha256(body or b"").hexdigest()
        return "Autocached %s %s" % (digest, _mac(self._key, "request", str(self._number), method, route, digest).hex())

    def is_answer(self, proof: str | None, status: int, body: bytes) -> bool:
        """True when the daemon wrote this answer to that request."""
        head = "\n".join(("answer", str(self._number), str(status), "whole", "")).encode()
        return proof is not None and _same(proof, hmac.digest(self._key, head + body, "sha256").hex())


def prove(connection, token: str, host: str) -> Session:
    """
    Has the daemon at the other end of the http.client `connection` prove that it knows the token; `host` is its address as the Host header
    has it. Raises NotTheDaemon, or what the connection raises.
    """
    client_nonce = os.urandom(32).hex()
    connection.request("GET", "/api/proof?nonce=" + client_nonce, headers={"Host": host})
    response = connection.getresponse()
    text = response.read(_PROOF_BYTES)
    try:
        answer = json.loads(text)
        daemon_nonce, proof = answer["nonce"], answer["proof"]
        fits = response.status == 200 and len(daemon_nonce) == 64 and response.isclosed() and not response.will_close
        expected = _mac(token.encode(), "daemon", host, client_nonce, daemon_nonce).hex()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotTheDaemon("it does not say its proof") from None
    if not fits or not _same(proof, expected):
        raise NotTheDaemon("it does not know the daemon's token")
    return Session(token, host, client_nonce, daemon_nonce)


def _mac(key: bytes, *words: str) -> bytes:
    """The first word says what is proven, so that nothing one side says can be given back to it as the other's."""
    return hmac.digest(key, "\n".join(words).encode(), "sha256")


def _same(given, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())
