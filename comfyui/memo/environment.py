"""Other influences on the numbers that a node computes, apart from the graph and its files: libraries, device, flags."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys

_LIBRARIES = ("torch", "numpy", "transformers", "tokenizers", "sentencepiece", "safetensors", "comfy-kitchen", "comfy-aimdo", "spandrel", "torchvision", "torchaudio", "xformers", "sageattention", "flash-attn", "triton", "pillow", "av", "kornia")
# Variables with these beginnings choose kernels.
_VARIABLES = ("TORCH", "PYTORCH", "CUBLAS", "CUDNN", "CUDA_", "NVIDIA_TF32", "MKL_", "OMP_", "ONEDNN_", "DNNL_", "ATEN_", "HSA_", "MIOPEN_", "HIP_", "ROC")
# Flags of ComfyUI that change no number. An unknown flag counts.
_NEUTRAL = frozenset(
    """
    listen port tls_keyfile tls_certfile enable_cors_header max_upload_size base_directory extra_model_paths_config output_directory
    temp_directory input_directory user_directory models_directory auto_launch disable_auto_launch preview_method preview_size cache_ram
    cache_classic cache_lru cache_none enable_manager disable_manager_ui enable_manager_legacy_ui default_hashing_function
    dont_print_server quick_test_for_ci windows_standalone_build disable_metadata disable_all_custom_nodes whitelist_custom_nodes
    disable_api_nodes multi_user verbose log_stdout front_end_version front_end_root enable_compress_response_body comfy_api_base
    database_url enable_assets enable_asset_hashing feature_flag list_feature_flags debug_hang fast_disk disable_pinned_memory
    mmap_torch_files disable_mmap high_ram
    """.split()
)


def describe() -> list:
    """JSON of all of these. Raises any error: then nothing is known, and nothing may be stored."""
    torch = sys.modules["torch"]
    arguments = vars(sys.modules["comfy.cli_args"].args)
    management = sys.modules["comfy.model_management"]
    device = management.get_torch_device()
    return [
        platform.python_version(),
        platform.machine(),
        {name: _version(name) for name in _LIBRARIES},
        {name: repr(value) for name, value in sorted(arguments.items()) if name not in _NEUTRAL},
        {name: os.environ[name] for name in sorted(os.environ) if name.startswith(_VARIABLES)},
        [str(device), str(management.get_torch_device_name(device))],
        [str(torch.version.cuda), str(getattr(torch.version, "hip", None)), _cuda(torch)],
        [torch.get_num_threads(), torch.backends.cpu.get_cpu_capability(), str(torch.get_default_dtype())],
    ]


def _cuda(torch) -> list | None:
    if not torch.cuda.is_available():
        return None
    return [torch.backends.cudnn.version(), list(torch.cuda.get_device_capability())]


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
