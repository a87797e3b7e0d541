"""Requests to the server of this ComfyUI, by the routes that its pages use."""

from __future__ import annotations

import http.client
import json
import sys

# It checks a prompt before it answers, and may list model folders on a network for that.
_ANSWER_SECONDS = 300.0
# Addresses that stand for all of this machine.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def post(route: str, body: dict) -> int:
    """The status of the answer. Raises OSError or HTTPException; also when ComfyUI's address is not known or it speaks TLS."""
    host, port = _address()
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("POST", route, json.dumps(body).encode(), {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def _address() -> tuple[str, int]:
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    host, port = getattr(server, "address", None), getattr(server, "port", None)
    if not isinstance(host, str) or not isinstance(port, int):
        raise OSError("the address of ComfyUI's server is not known")
    if getattr(getattr(sys.modules.get("comfy.cli_args"), "args", None), "tls_keyfile", None):
        raise OSError("ComfyUI's server speaks TLS")
    return _EVERYWHERE.get(host, host), port
