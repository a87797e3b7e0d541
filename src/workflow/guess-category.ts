/** Words in input and class names, with their categories; the first match counts. */
const words: readonly (readonly [RegExp, string])[] = [
  [/clip_?vision|image_encoder/, 'clip_vision'],
  [/audio_?encoder/, 'audio_encoders'],
  [/lora|lycoris/, 'loras'],
  [/control_?net|control_lora|t2i_?adapter/, 'controlnet'],
  [/ip_?adapter/, 'ipadapter'],
  [/model_?patch/, 'model_patches'],
  [/latent_?upscale/, 'latent_upscale_models'],
  [/upscal|esrgan/, 'upscale_models'],
  [/ckpt|checkpoint/, 'checkpoints'],
  [/taesd|vae_?approx|previewer/, 'vae_approx'],
  [/vae/, 'vae'],
  [/text_?encoder|clip|(^|_)t5|umt5/, 'text_encoders'],
  [/unet|diffusion_?model|(^|_)dit($|_)|transformer/, 'diffusion_models'],
  [/style_?model/, 'style_models'],
  [/gligen/, 'gligen'],
  [/hyper_?net/, 'hypernetworks'],
  [/photo_?maker/, 'photomaker'],
  [/embedding|textual_inversion/, 'embeddings'],
  [/ultralytics|yolo/, 'ultralytics'],
  [/(^|_)sams?($|_|\d|loader)/, 'sams'],
  [/animate_?diff|motion/, 'animatediff_models'],
  [/frame_?interp|(^|_)(rife|film)($|_)/, 'frame_interpolation'],
];

/** The category suggested by names: the input's own before that of its class. Null without a match. */
export function guessCategory(input: string, classType: string): string | null {
  const last = input.slice(input.lastIndexOf('.') + 1);
  return (
    spokenOf(last) ??
    spokenOf(input) ??
    spokenOf(classType) ??
    (/^(model(_name|_path)?|#\d+)$/.test(last) ? generic(classType) : null)
  );
}

function spokenOf(name: string): string | null {
  const flat = snake(name);
  return words.find(([word]) => word.test(flat))?.[1] ?? null;
}

/** `WanVideoModelLoader.model` and the like: names of packs for the diffusion model. `#0` is a widget without a name. */
function generic(classType: string): string | null {
  return /(^|_)model_?loader|load_?model/.test(snake(classType)) ? 'diffusion_models' : null;
}

function snake(name: string): string {
  return (
    name
      // Not "lo_ra".
      .replaceAll('LoRA', 'Lora')
      .replace(/([a-z\d])([A-Z])/g, '$1_$2')
      .replace(/[^\p{L}\d]+/gu, '_')
      .toLowerCase()
  );
}
