"""Both ends of a connection prove that they know the daemon's token, and never send it. docs/TRUST.md describes the proof."""

from __future__ import annotations

import hashlib
import hmac
import json
import os

ANSWER_HEADER = "Autocached-Proof"
# More than the daemon's proof ever is.
_PROOF_BYTES = 1024


class NotTheDaemon(Exception):
    """Another program listens at the daemon's address: it does not know the token. It was told nothing, and its answers do not count."""


class Session:
    """One connection after the proof. Its key is valid for this connection only."""

    def __init__(self, token: str, host: str, client_nonce: str, daemon_nonce: str):
        self._key = _mac(token.encode(), "session", host, client_nonce, daemon_nonce)
        self._number = 0

    def authorization(self, method: str, route: str, body: bytes | None, digest: str | None = None) -> str:
        """The header of the next request. `digest` is the SHA-256 of a body that is not in memory."""
        self._number += 1
        digest = digest or hashlib.sha256(body or b"").hexdigest()
        return "Autocached %s %s" % (digest, _mac(self._key, "request", str(self._number), method, route, digest).hex())

    def is_answer(self, proof: str | None, status: int, body: bytes) -> bool:
        """True when the daemon wrote this answer to that request."""
        head = "\n".join(("answer", str(self._number), str(status), "whole", "")).encode()
        return proof is not None and _same(proof, hmac.digest(self._key, head + body, "sha256").hex())


def prove(connection, token: str, host: str) -> Session:
    """
    Makes the daemon at the other end of the http.client `connection` prove that it knows the token. `host` is the daemon's address in the
    form of the Host header. Raises NotTheDaemon or an error of the connection.
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
    """The first word names the purpose, so that no proof of one side can be replayed as a proof of the other."""
    return hmac.digest(key, "\n".join(words).encode(), "sha256")


def _same(given, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())
