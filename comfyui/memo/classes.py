"""Classes of nodes: the kept ones, the understood ones, and ComfyUI's facts of a class."""

from __future__ import annotations

import sys

# Modes of AUTOCACHE_MEMO_COMFYUI. Each includes the one before it.
OFF, TEXT, RESULTS, ALL = "off", "text", "results", "all"
MODES = (OFF, TEXT, RESULTS, ALL)

# Encodings of texts: small, and the encoders that make them are large. Texts that a model writes are seeded.
_TEXTS = frozenset(
    """
    CLIPTextEncode CLIPTextEncodeSDXL CLIPTextEncodeSDXLRefiner CLIPTextEncodeSD3 CLIPTextEncodeFlux CLIPTextEncodeHunyuanDiT
    CLIPTextEncodePixArtAlpha CLIPTextEncodeControlnet CLIPTextEncodeLumina2 CLIPTextEncodeHiDream CLIPTextEncodeKandinsky5
    TextEncodeHunyuanVideo_ImageToVideo TextEncodeQwenImageEdit TextEncodeQwenImageEditPlus TextEncodeZImageOmni TextEncodeMageFlowEdit
    TextEncodeJoyImageEdit TextEncodeBooguEdit TextEncodeAceStepAudio TextEncodeAceStepAudio1.5 MiniMaxMusic3TextEncode TextGenerate
    TextGenerateLTX2Prompt
    """.split()
)

# Latents, encoded and processed images, and saved files of output nodes.
_RESULTS = frozenset(
    """
    KSampler KSamplerAdvanced SamplerCustom SamplerCustomAdvanced VAEEncode VAEEncodeTiled VAEEncodeForInpaint InpaintModelConditioning
    VAEDecode VAEDecodeTiled VAEEncodeAudio VAEDecodeAudio VAEDecodeAudioTiled CLIPVisionEncode AudioEncoderEncode ImageUpscaleWithModel
    LTXVLatentUpsampler HunyuanVideo15LatentUpscaleWithModel FrameInterpolate DA3Inference DA3Render MoGeInference MoGePanoramaInference
    MoGeRender SDPoseKeypointExtractor RemoveBackground SAM3_Detect Canny WanImageToVideo HunyuanImageToVideo LTXVImgToVideo
    SaveImage SaveAnimatedWEBP SaveAnimatedPNG SaveWEBM SaveVideo SaveAudio SaveAudioMP3 SaveAudioOpus
    """.split()
)

# Types of outputs made only from their node's inputs. Other types represent models, which depend on files, too.
_DATA = frozenset(
    """
    IMAGE LATENT CONDITIONING MASK STRING INT FLOAT BOOLEAN COMBO AUDIO VIDEO SIGMAS NOISE SAMPLER GUIDER HOOK_KEYFRAMES TIMESTEPS_RANGE
    BOUNDING_BOX CLIP_VISION_OUTPUT AUDIO_ENCODER_OUTPUT WAN_CAMERA_EMBEDDING TRACKS CURVE COLOR IC_LORA_PARAMETERS
    """.split()
)

# Nodes of ComfyUI whose results depend on more than their inputs: unseeded random numbers, folders, a camera, an earlier training.
_UNREPEATABLE = frozenset(["WanSoundImageToVideo", "WanSoundImageToVideoExtend", "RecordAudio", "WebcamCapture"])
_UNREPEATABLE_MODULES = frozenset("comfy_extras." + name for name in ("nodes_dataset", "nodes_train", "nodes_webcam"))

# ComfyUI's own nodes that call services.
PAID_PACK = "comfy_api_nodes"

# The fingerprint of these is the hash of their file's bytes, and ComfyUI's key has it.
HASHED_BY_COMFYUI = frozenset(["LoadImage", "LoadImageMask", "LoadImageOutput", "LoadAudio", "LoadLatent", "Painter"])


def kept_classes(mode: str) -> frozenset[str]:
    """Classes of ComfyUI's own nodes that this mode keeps."""
    if mode == TEXT:
        return _TEXTS
    return _TEXTS | _RESULTS if mode in (RESULTS, ALL) else frozenset()


def may_be_kept(node_class: NodeClass | None, mode: str) -> bool:
    """Whether this mode keeps outputs of a class, after it proved repeatable if that must be learnt."""
    if node_class is None:
        return False
    is_listed = node_class.is_core and node_class.name in kept_classes(mode)
    return is_listed or (mode == ALL and not node_class.is_only_live and not node_class.is_output)


def is_data(kind: str) -> bool:
    return kind in _DATA


class NodeClass:
    """ComfyUI's facts of a class of nodes. Raises KeyError for an unknown class, other errors for a malformed one."""

    def __init__(self, name: str):
        self.name = name
        found = sys.modules["nodes"].NODE_CLASS_MAPPINGS[name]
        self.python_class = found
        module = getattr(found, "RELATIVE_PYTHON_MODULE", "nodes")
        self.is_core = module == "nodes" or module.startswith("comfy_extras.")
        # It calls a service that costs money.
        self.is_paid = getattr(found, "API_NODE", False) is True or module.startswith(PAID_PACK + ".")
        # The name of its pack of nodes; None for ComfyUI's own, except those that call services.
        self.pack = _pack_of(module)
        self.is_output = getattr(found, "OUTPUT_NODE", False) is True
        self.is_repeatable_core = self.is_core and name not in _UNREPEATABLE and module not in _UNREPEATABLE_MODULES
        kinds = [kind if isinstance(kind, str) else "COMBO" for kind in getattr(found, "RETURN_TYPES", ())]
        # Some of its outputs represent models.
        self.is_live = any(not is_data(kind) for kind in kinds)
        self.is_only_live = bool(kinds) and not any(map(is_data, kinds))
        self._inputs = found.INPUT_TYPES()
        hidden = self._inputs.get("hidden") or {}
        # Its output may depend on where it is in the prompt.
        self.has_id = getattr(found, "NOT_IDEMPOTENT", False) or any(_names(kind, "UNIQUE_ID") for kind in hidden.values())
        # It may read the whole prompt, while the key covers only the node's ancestors.
        self.sees_prompt = any(_names(kind, "PROMPT", "EXTRA_PNGINFO", "DYNPROMPT") for kind in hidden.values())

    def ignores(self, name: str) -> bool:
        """True when ComfyUI does not hand an input of this name to the node. Some packs declare all names."""
        if getattr(self.python_class, "ACCEPT_ALL_INPUTS", False):
            return False
        declared = [self._inputs.get(part) for part in ("required", "optional", "hidden")]
        return not any(names is not None and name in names for names in declared)


def is_fallible(node_class: NodeClass) -> bool:
    """True for classes whose outputs are kept or compared, because they may be unrepeatable."""
    is_listed = node_class.is_core and node_class.name in kept_classes(ALL)
    return is_listed or (not node_class.is_core and not node_class.is_only_live)


def _pack_of(module: str) -> str | None:
    package, _, rest = module.partition(".")
    return {"custom_nodes": rest or None, PAID_PACK: PAID_PACK}.get(package)


def _names(kind, *names: str) -> bool:
    words = kind if isinstance(kind, (list, tuple)) else [kind]
    return any(str(getattr(word, "value", word)) in names for word in words)
