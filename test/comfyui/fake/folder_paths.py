"""ComfyUI's folder_paths as far as the resolver meets it."""

import os

folder_names_and_paths = {}


def get_folder_paths(folder_name):
    return folder_names_and_paths[map_legacy(folder_name)][0][:]


def map_legacy(folder_name):
    return {"unet": "diffusion_models", "clip": "text_encoders"}.get(folder_name, folder_name)


def get_full_path(folder_name, filename):
    folder_name = map_legacy(folder_name)
    if folder_name not in folder_names_and_paths:
        return None
    filename = os.path.relpath(os.path.join("/", filename), "/")
    for folder in folder_names_and_paths[folder_name][0]:
        full_path = os.path.join(folder, filename)
        if os.path.isfile(full_path):
            return full_path
    return None


def get_full_path_or_raise(folder_name, filename):
    full_path = get_full_path(folder_name, filename)
    if full_path is None:
        raise FileNotFoundError(filename)
    return full_path


filename_list_cache = {}


def filter_files_extensions(files, extensions):
    return sorted(file for file in files if os.path.splitext(file)[-1].lower() in extensions or len(extensions) == 0)


def get_filename_list_(folder_name):
    folders, extensions = folder_names_and_paths[folder_name]
    names, times = set(), {}
    for folder in folders:
        for at, _, files in os.walk(folder):
            times[at] = os.path.getmtime(at)
            names.update(os.path.relpath(os.path.join(at, file), folder) for file in files)
    return filter_files_extensions(names, extensions), times, 0.0


def cached_filename_list_(folder_name):
    kept = filename_list_cache.get(folder_name)
    if kept is None or any(os.path.getmtime(folder) != time for folder, time in kept[1].items()):
        return None
    folders = folder_names_and_paths[folder_name][0]
    return None if any(os.path.isdir(folder) and folder not in kept[1] for folder in folders) else kept


def get_filename_list(folder_name):
    folder_name = map_legacy(folder_name)
    kept = cached_filename_list_(folder_name)
    if kept is None:
        kept = filename_list_cache[folder_name] = get_filename_list_(folder_name)
    return list(kept[0])
