"""
Models for a real ComfyUI, of random weights: python memo_models.py COMFYUI MODELS. A text encoder (CLIP-L), a small model for sampling (SD 1.5
with a single level), an autoencoder (TAESD), all small enough for a CPU, and an upscaler. They are always the same.
"""

import os
import sys

comfyui, models = sys.argv[1:3]
sys.path.insert(0, comfyui)

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import comfy.options  # noqa: E402

sys.argv[1:] = ["--cpu"]
comfy.options.enable_args_parsing()

import comfy.ops  # noqa: E402
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel  # noqa: E402
from comfy.taesd.taesd import TAESD  # noqa: E402

WIDTH, LAYERS, INNER = 768, 12, 3072


def clip():
    made = {
        "text_model.embeddings.token_embedding.weight": (49408, WIDTH),
        "text_model.embeddings.position_embedding.weight": (77, WIDTH),
        "text_model.final_layer_norm.weight": (WIDTH,),
        "text_model.final_layer_norm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        at = "text_model.encoder.layers.%d." % layer
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            made |= {at + "self_attn.%s.weight" % name: (WIDTH, WIDTH), at + "self_attn.%s.bias" % name: (WIDTH,)}
        for name in ("layer_norm1", "layer_norm2"):
            made |= {at + name + ".weight": (WIDTH,), at + name + ".bias": (WIDTH,)}
        made |= {at + "mlp.fc1.weight": (INNER, WIDTH), at + "mlp.fc1.bias": (INNER,)}
        made |= {at + "mlp.fc2.weight": (WIDTH, INNER), at + "mlp.fc2.bias": (WIDTH,)}
    return {name: randomly(name, shape).half() for name, shape in made.items()}


def unet():
    config = {"image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 320, "num_res_blocks": [1], "channel_mult": [1]}
    more = {"transformer_depth": [1], "transformer_depth_output": [1, 1], "transformer_depth_middle": 1, "context_dim": 768, "num_heads": 8}
    return of_module(UNetModel(**config, **more, use_spatial_transformer=True, legacy=False, operations=comfy.ops.disable_weight_init))


def vae():
    return of_module(TAESD())


def upscaler():
    shapes = {"body.0.weight": (4, 3, 3, 3), "body.0.bias": (4,), "body.1.weight": (4,), "body.2.weight": (4, 4, 3, 3), "body.2.bias": (4,)}
    return {name: randomly(name, shape) for name, shape in (shapes | {"body.3.weight": (4,), "body.4.weight": (12, 4, 3, 3), "body.4.bias": (12,)}).items()}


def of_module(module):
    return {name: randomly(name, tensor.shape).to(torch.float16) for name, tensor in module.state_dict().items()}


def randomly(name, shape):
    if name.endswith("norm.weight") or "norm1.weight" in name or "norm2.weight" in name:
        return torch.ones(shape)
    if name in ("vae_scale", "vae_shift"):
        return torch.ones(shape) if name == "vae_scale" else torch.zeros(shape)
    fan = 1
    for length in shape[1:]:
        fan *= length
    return torch.randn(shape) * (0.5 / max(1, fan) ** 0.5 if len(shape) > 1 else 0.02)


for folder, name, make in (
    ("text_encoders", "clip_l.safetensors", clip),
    ("diffusion_models", "small.safetensors", unet),
    ("vae", "taesd.safetensors", vae),
    ("upscale_models", "tiny_x2.safetensors", upscaler),
):
    torch.manual_seed(7)
    os.makedirs(os.path.join(models, folder), exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in make().items()}, os.path.join(models, folder, name))
