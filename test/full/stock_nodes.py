"""Prints ComfyUI's own classes of nodes, without those that call services, and whether each is an output node: python stock_nodes.py CHECKOUT BASE"""

import asyncio
import json
import sys

checkout, base = sys.argv[1:3]
sys.argv = ["main.py", "--cpu", "--base-directory", base]
sys.path.insert(0, checkout)

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import nodes  # noqa: E402

failed = asyncio.run(nodes.init_extra_nodes(init_custom_nodes=False, init_api_nodes=False))
# It has other names for classes, and wants a running server.
if set(failed) - {"nodes_replacements.py"}:
    sys.exit("these could not be loaded: %s" % failed)
print(json.dumps({name: bool(getattr(one, "OUTPUT_NODE", False)) for name, one in nodes.NODE_CLASS_MAPPINGS.items()}))
