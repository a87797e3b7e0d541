"""
Tiny models with ComfyUI's own classes, and what ComfyUI's own loaders make of variants of them.

    python variant_models.py make DIR                          wan.safetensors, flux.safetensors, t5.safetensors
    python variant_models.py compare DIR NAME VARIANT...       one line of JSON for each variant of DIR/NAME.safetensors

ComfyUI is found in COMFYUI_DIR.
"""

import json
import logging
import os
import sys

sys.path.insert(0, os.environ["COMFYUI_DIR"])
COMMAND, DIRECTORY, *REST = sys.argv[1:]
sys.argv = [sys.argv[0], "--cpu"]

import comfy.options

comfy.options.enable_args_parsing()

import comfy.ops
import comfy.sd
import comfy.utils
import safetensors.torch
import torch
from comfy.ldm.flux.model import Flux
from comfy.ldm.wan.model import WanModel
from comfy.text_encoders.sd3_clip import T5XXLModel, t5_xxl_detect
from comfy.text_encoders.t5 import T5

WIDTH = 256
T5_CONFIG = {"d_model": 128, "d_ff": 256, "d_kv": 64, "num_heads": 2, "num_layers": 2, "vocab_size": 256}
LOGGED = []


class Listener(logging.Handler):
    def emit(self, record):
        LOGGED.append(record.getMessage())


def random_weights(module):
    torch.manual_seed(7)
    made = {}
    for name, tensor in module.state_dict().items():
        if tensor.ndim < 2 and name.endswith(("norm.weight", "norm_q.weight", "norm_k.weight", "scale", "norm3.weight", "layer_norm.weight")):
            made[name] = torch.ones_like(tensor) + torch.randn(tensor.shape) * 0.02
        elif tensor.ndim < 2:
            made[name] = torch.randn(tensor.shape) * (1.0 if name == "shared.weight" else 0.02)
        else:
            made[name] = torch.randn(tensor.shape) * (1.0 if name == "shared.weight" else 0.02)
    return {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in made.items()}


def make():
    options = {"device": "cpu", "dtype": torch.float32, "operations": comfy.ops.disable_weight_init}
    wan = WanModel(dim=WIDTH, ffn_dim=2 * WIDTH, num_heads=2, num_layers=2, **options)
    flux = Flux(
        in_channels=16, out_channels=16, vec_in_dim=64, context_in_dim=64, hidden_size=WIDTH, mlp_ratio=4.0, num_heads=2, depth=1,
        depth_single_blocks=1, axes_dim=[16, 56, 56], theta=10000, patch_size=2, qkv_bias=True, guidance_embed=False, txt_ids_dims=[],
        image_model="flux", **options,
    )
    t5 = T5({**t5_config(), **T5_CONFIG}, torch.float32, "cpu", comfy.ops.disable_weight_init)
    for name, module in {"wan": wan, "flux": flux, "t5": t5}.items():
        safetensors.torch.save_file(random_weights(module), os.path.join(DIRECTORY, f"{name}.safetensors"))


def t5_config():
    with open(os.path.join(os.environ["COMFYUI_DIR"], "comfy", "text_encoders", "t5_config_xxl.json")) as file:
        return json.load(file)


def output(name, path):
    """What the model makes of the same input, in single precision."""
    torch.manual_seed(11)
    if name == "t5":
        weights, metadata = comfy.utils.load_torch_file(path, return_metadata=True)
        weights, metadata = comfy.utils.convert_old_quants(weights, "", metadata=metadata)
        found = t5_xxl_detect(weights)
        options = {"t5xxl_model_config": T5_CONFIG}
        if "t5_quantization_metadata" in found:
            options["t5xxl_quantization_metadata"] = found["t5_quantization_metadata"]
        encoder = T5XXLModel(dtype=torch.float32, model_options=options)
        missing, _ = encoder.load_sd(weights)
        assert not [key for key in missing if "embed_tokens" not in key and "logit" not in key], missing
        return encoder.transformer(torch.randint(0, 255, (1, 24)), None)[0].float()
    patcher = comfy.sd.load_diffusion_model(path, model_options={"dtype": torch.float32})
    model = patcher.model.diffusion_model
    if name == "wan":
        inputs = torch.randn(1, 16, 3, 8, 8), torch.tensor([500.0]), torch.randn(1, 8, 4096) * 0.1
        return model(*inputs).float()
    latent = torch.randn(1, 16, 16, 16)
    return model(latent, torch.tensor([0.5]), torch.randn(1, 8, 64), y=torch.randn(1, 64)).float()


def compare(name, variants):
    logging.getLogger().addHandler(Listener())
    logging.getLogger().setLevel(logging.INFO)
    with torch.no_grad():
        expected = output(name, os.path.join(DIRECTORY, f"{name}.safetensors"))
        for variant in variants:
            LOGGED.clear()
            found = output(name, variant)
            error = (found - expected).norm() / expected.norm()
            cosine = torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0)
            logged = [line for line in LOGGED if "quant" in line.lower() or "mixed" in line.lower() or "unexpected" in line.lower()]
            print(json.dumps({"error": float(error), "cosine": float(cosine), "norm": float(expected.norm()), "logged": logged}))


make() if COMMAND == "make" else compare(REST[0], REST[1:])
