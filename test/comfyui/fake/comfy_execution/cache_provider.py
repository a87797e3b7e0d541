"""ComfyUI's providers of cached outputs, as version 0.33 has them; it is asked for each output that ComfyUI itself lacks."""

from abc import ABC, abstractmethod
from collections import namedtuple

CacheContext = namedtuple("CacheContext", "node_id class_type cache_key_hash")

_providers = []


class CacheProvider(ABC):
    @abstractmethod
    async def on_lookup(self, context):
        pass

    @abstractmethod
    async def on_store(self, context, value):
        pass

    def should_cache(self, context, value=None):
        return True

    def on_prompt_start(self, prompt_id):
        pass

    def on_prompt_end(self, prompt_id):
        pass


def register_cache_provider(provider):
    assert provider not in _providers
    _providers.append(provider)


def unregister_cache_provider(provider):
    _providers.remove(provider)


def _get_cache_providers():
    return tuple(_providers)
