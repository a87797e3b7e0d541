const node = (class_type: string, inputs: object) => ({ class_type, inputs });

interface Choice {
  seed?: number;
  text?: string;
  prefix?: string;
  /** The text encoder's file. */
  encoder?: string;
  /** A node of the pack of `realMemo` that changes the text encoder, or the model; null = none. */
  pack?: 'PackClip' | 'PackModel' | null;
}

/** Text, sampling, decoding, upscaling, saving. */
export function wholePrompt(choice: Choice = {}): object {
  const { seed = 1, text = 'a knight', prefix = 'image', encoder = 'clip_l.safetensors', pack = 'PackClip' } = choice;
  const clip = pack === 'PackClip' ? 'pack' : 'clip';
  const model = pack === 'PackModel' ? 'pack' : 'unet';
  return {
    clip: node('CLIPLoader', { clip_name: encoder, type: 'stable_diffusion' }),
    unet: node('UNETLoader', { unet_name: 'small.safetensors', weight_dtype: 'default' }),
    ...(pack === 'PackClip' && { pack: node(pack, { clip: ['clip', 0] }) }),
    ...(pack === 'PackModel' && { pack: node(pack, { model: ['unet', 0] }) }),
    positive: node('CLIPTextEncode', { clip: [clip, 0], text }),
    negative: node('CLIPTextEncode', { clip: [clip, 0], text: '' }),
    vae: node('VAELoader', { vae_name: 'taesd.safetensors' }),
    empty: node('EmptyLatentImage', { width: 64, height: 64, batch_size: 1 }),
    sample: node('KSampler', {
      ...{ model: [model, 0], positive: ['positive', 0], negative: ['negative', 0], latent_image: ['empty', 0] },
      ...{ seed, steps: 2, cfg: 3, sampler_name: 'euler', scheduler: 'normal', denoise: 1 },
    }),
    decode: node('VAEDecode', { samples: ['sample', 0], vae: ['vae', 0] }),
    upscaler: node('UpscaleModelLoader', { model_name: 'tiny_x2.safetensors' }),
    upscale: node('ImageUpscaleWithModel', { upscale_model: ['upscaler', 0], image: ['decode', 0] }),
    save: node('SaveImage', { images: ['upscale', 0], filename_prefix: prefix }),
  };
}

/** Fifty different prompts of more than a dozen kinds of nodes. */
export function fiftyPrompts(): object[] {
  const start = {
    clip: node('CLIPLoader', { clip_name: 'clip_l.safetensors', type: 'stable_diffusion' }),
    vae: node('VAELoader', { vae_name: 'taesd.safetensors' }),
    unet: node('UNETLoader', { unet_name: 'small.safetensors', weight_dtype: 'default' }),
    upscaler: node('UpscaleModelLoader', { model_name: 'tiny_x2.safetensors' }),
    layer: node('CLIPSetLastLayer', { clip: ['clip', 0], stop_at_clip_layer: -2 }),
  };
  const texts = (k: number) => ({
    one: node('CLIPTextEncode', { clip: [k % 2 ? 'clip' : 'layer', 0], text: `a knight, ${k % 5}` }),
    two: node('CLIPTextEncode', { clip: ['clip', 0], text: k % 3 ? 'a (horse:1.2)' : '' }),
  });
  const mixed = (k: number) =>
    [
      node('ConditioningCombine', { conditioning_1: ['one', 0], conditioning_2: ['two', 0] }),
      node('ConditioningConcat', { conditioning_to: ['one', 0], conditioning_from: ['two', 0] }),
      node('ConditioningAverage', {
        conditioning_to: ['one', 0],
        conditioning_from: ['two', 0],
        conditioning_to_strength: 0.3,
      }),
      node('ConditioningSetArea', { conditioning: ['one', 0], width: 64, height: 64, x: 0, y: 0, strength: 0.7 }),
      node('ConditioningSetTimestepRange', { conditioning: ['one', 0], start: 0, end: 0.8 }),
    ][k % 5];
  const sampled = (k: number) => ({
    ...texts(k),
    mix: mixed(k),
    zero: node('ConditioningZeroOut', { conditioning: ['two', 0] }),
    empty: node('EmptyLatentImage', { width: 64, height: 64, batch_size: 1 + (k % 2) }),
    sample: node('KSampler', {
      ...{ model: ['unet', 0], positive: ['mix', 0], negative: [k % 2 ? 'zero' : 'two', 0], latent_image: ['empty', 0] },
      ...{ seed: k, steps: 1, cfg: 2, sampler_name: k % 2 ? 'euler' : 'dpmpp_2m_sde', scheduler: 'normal', denoise: 1 },
    }),
    decode: node('VAEDecode', { samples: ['sample', 0], vae: ['vae', 0] }),
  });
  const painted = (k: number) => ({
    color: node('EmptyImage', { width: 48, height: 32, batch_size: 1, color: 0x336699 + k * 4097 }),
    scaled: node('ImageScale', { image: ['color', 0], upscale_method: 'bicubic', width: 64, height: 64, crop: 'disabled' }),
    decode: [
      node('ImageUpscaleWithModel', { upscale_model: ['upscaler', 0], image: ['scaled', 0] }),
      node('ImageInvert', { image: ['scaled', 0] }),
      node('ImageScaleBy', { image: ['encoded-decoded', 0], upscale_method: 'lanczos', scale_by: 0.5 }),
    ][k % 3],
    encoded: node('VAEEncode', { pixels: ['scaled', 0], vae: ['vae', 0] }),
    bigger: node('LatentUpscaleBy', { samples: ['encoded', 0], upscale_method: 'bilinear', scale_by: 1.5 }),
    'encoded-decoded': node('VAEDecode', { samples: ['bigger', 0], vae: ['vae', 0] }),
  });
  return Array.from({ length: 50 }, (_, k) => ({
    ...start,
    ...(k % 5 === 0 ? sampled(k / 5) : painted(k)),
    save: node('SaveImage', { images: ['decode', 0], filename_prefix: `image${k}` }),
  }));
}
