import json

import schemathesis


@schemathesis.hook
def filter_body(context, body):
    """No request has a field that could be taken for the prototype of an object; it is refused wherever it stands."""
    return "__proto__" not in json.dumps(body, default=str)
