"""Loader nodes: the two ways in which ComfyUI's own ask for a path."""

import folder_paths

NODE_CLASS_MAPPINGS = {}


def load(folder_name, filename):
    return folder_paths.get_full_path_or_raise(folder_name, filename)


def load_or_none(folder_name, filename):
    return folder_paths.get_full_path(folder_name, filename)
