"""What routes of ComfyUI's server are made with."""

import json


class Response:
    def __init__(self, text, status, headers):
        self.text = text
        self.status = status
        self.headers = headers


class RouteTableDef:
    def __init__(self):
        self.handlers = {}

    def get(self, path):
        return self._route("GET", path)

    def post(self, path):
        return self._route("POST", path)

    def _route(self, method, path):
        def add(handler):
            # aiohttp refuses a second handler of the same route when the server starts.
            assert (method, path) not in self.handlers
            self.handlers[method, path] = handler
            return handler

        return add


def json_response(data, *, status=200, headers=None):
    return Response(json.dumps(data), status, headers or {})
