"""ComfyUI's asset scanner looks up every file of every category."""

import os

import folder_paths


def collect_models_files():
    found = []
    for category, (folders, _) in folder_paths.folder_names_and_paths.items():
        for folder in folders:
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                path = folder_paths.get_full_path(category, name)
                if path:
                    found.append(path)
    return found


def find(category, name):
    return folder_paths.get_full_path_or_raise(category, name)
