import type { Family } from '../families.ts';
import type { Graph } from '../graph.ts';
import type { Link } from '../node-classes.ts';

export interface Loaded {
  model: Link<'MODEL'>;
  clip: Link<'CLIP'>;
  videoVae: Link<'VAE'>;
  audioVae: Link<'VAE'>;
}

/** Loads a family's model: `dev` takes many guided steps, `distilled` eight without guidance. */
export function load(graph: Graph, family: Family, weights: 'dev' | 'distilled', isQuantized: boolean): Loaded {
  const files = isQuantized ? family.quantized : family.models;
  const main = graph.file(files[weights]);
  if (family.layout === 'checkpoint') {
    const [model, , videoVae] = graph.add('CheckpointLoaderSimple', { ckpt_name: main });
    const text_encoder = graph.file(files.textEncoder);
    const [clip] = graph.add('LTXAVTextEncoderLoader', { text_encoder, ckpt_name: main, device: 'default' });
    const [audioVae] = graph.add('LTXVAudioVAELoader', { ckpt_name: main });
    return { model, clip, videoVae, audioVae };
  }
  const [model] = graph.add('UNETLoader', { unet_name: main, weight_dtype: 'default' });
  const clip_name = graph.file(files.textEncoder);
  const [clip] = graph.add('CLIPLoader', { clip_name, type: 'ltxv', device: 'default' });
  const [videoVae] = graph.add('VAELoader', { vae_name: graph.file(family.videoVae) });
  const [audioVae] = graph.add('VAELoader', { vae_name: graph.file(family.audioVae) });
  return { model, clip, videoVae, audioVae };
}

/** Makes a guided model refine in few steps. */
export function withDistilledLora(graph: Graph, model: Link<'MODEL'>, family: Family): Link<'MODEL'> {
  const lora_name = graph.file(family.distilledLora);
  const [patched] = graph.add('LoraLoaderModelOnly', { model, lora_name, strength_model: family.distilledLoraStrength });
  return patched;
}
