#!/bin/sh
# Starts the daemon in the background and then, in its own place, the command that it is given: ComfyUI. ComfyUI starts in any case.
autocached start --detach || echo "autocached did not start; models load from where they are" >&2
exec "$@"
