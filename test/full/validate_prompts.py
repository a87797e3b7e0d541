"""Asks ComfyUI itself whether prompts are right: python validate_prompts.py CHECKOUT BASE < prompts.json, the prompts by their names.
BASE is ComfyUI's base directory, with models and input. Prints what is wrong with each, null where nothing is."""

import asyncio
import json
import sys

checkout, base = sys.argv[1:3]
sys.argv = ["main.py", "--cpu", "--base-directory", base]
sys.path.insert(0, checkout)

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import execution  # noqa: E402
import nodes  # noqa: E402


async def check(prompts):
    await nodes.init_extra_nodes(init_custom_nodes=False, init_api_nodes=False)
    found = {}
    for name, prompt in prompts.items():
        valid, error, outputs, node_errors = await execution.validate_prompt(name, prompt, None)
        found[name] = None if valid and outputs and not node_errors else [error, node_errors]
    return found


print(json.dumps(asyncio.run(check(json.load(sys.stdin)))))
