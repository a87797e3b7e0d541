"""The one node, for loaders that take a path. Loaders that take a name are redirected without it."""

from __future__ import annotations

import sys

import folder_paths

from .host import NOT_MODELS, client_of

_NAME_HELP = "file below a folder of the category, as its loaders list it, such as SDXL/a.safetensors"


class AutocachedPath:
    CATEGORY = "loaders"
    DESCRIPTION = (
        "Where to open a model file: its copy on the faster disk when there is a true one, else the file itself. "
        "Only for loaders that take a path."
    )
    RETURN_TYPES = ("STRING", "STRING", "STRING")
    RETURN_NAMES = ("path", "tier", "reason")
    OUTPUT_TOOLTIPS = ("absolute path", "what it lies on: ram, ssd, hdd, nas, ...; empty when not known", "why: HIT, COPYING, ...")
    FUNCTION = "find"

    # Both are set while the resolver is installed.
    resolver = None
    own = staticmethod(folder_paths.get_full_path)

    @classmethod
    def INPUT_TYPES(cls):
        categories = sorted(name for name in folder_paths.folder_names_and_paths if name not in NOT_MODELS)
        return {
            "required": {
                "category": (categories, {"tooltip": "kind of model: which of ComfyUI's folders it lies in"}),
                "name": ("STRING", {"default": "", "multiline": False, "tooltip": _NAME_HELP}),
            }
        }

    @classmethod
    def IS_CHANGED(cls, category, name):
        """Makes ComfyUI run the node again when the answer is another path: a copy has become ready or has been evicted."""
        return cls._answer(category, name, "metadata", None)[0]

    def find(self, category, name):
        answer = self._answer(category, name, "load", client_of(sys._getframe(1)))
        if not answer[0]:
            raise FileNotFoundError("autocached: there is no %s in the folders of %s" % (name, category))
        return answer

    @classmethod
    def _answer(cls, category, name, purpose, client) -> tuple[str, str, str]:
        path = cls.own(category, name)
        if cls.resolver is None:
            return (path or "", "", "OFF")
        return tuple(cls.resolver.answer(path, {"category": category, "name": name, "client": client, "purpose": purpose}))


NODE_CLASS_MAPPINGS = {"AutocachedPath": AutocachedPath}
NODE_DISPLAY_NAME_MAPPINGS = {"AutocachedPath": "Path of a model (autocached)"}
