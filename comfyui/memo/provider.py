"""A provider of ComfyUI's class: it only forwards, and never raises."""

from __future__ import annotations


def provider(base, memo):
    """`base` is ComfyUI's class. `memo` is told of errors by `failed`."""

    class AutocachedMemo(base):
        async def on_lookup(self, context):
            try:
                return await memo.lookup(context)
            except Exception:
                memo.failed()
                return None

        async def on_store(self, context, value):
            """ComfyUI cancels it at the end of a prompt, so that `should_cache` does the work."""

        def should_cache(self, context, value=None):
            if value is None:
                return True
            try:
                memo.store(context, value)
            except Exception:
                memo.failed()
            return False

        def on_prompt_start(self, prompt_id):
            try:
                memo.on_start(prompt_id)
            except Exception:
                memo.failed()

        def on_prompt_end(self, prompt_id):
            try:
                memo.on_end(prompt_id)
            except Exception:
                memo.failed()

    return AutocachedMemo()
