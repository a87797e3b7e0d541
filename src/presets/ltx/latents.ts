import type { Family } from '../families.ts';
import type { Graph } from '../graph.ts';
import type { Link } from '../node-classes.ts';

export interface Size {
  width: number;
  height: number;
  frames: number;
}

export interface AvLatent {
  video: Link<'LATENT'>;
  audio: Link<'LATENT'>;
}

export function emptyVideo(graph: Graph, { width, height, frames }: Size): Link<'LATENT'> {
  const [latent] = graph.add('EmptyLTXVLatentVideo', { width, height, length: frames, batch_size: 1 });
  return latent;
}

export function emptyAudio(
  graph: Graph,
  audioVae: Link<'VAE'>,
  { frames, fps }: { frames: number; fps: number },
): Link<'LATENT'> {
  const [latent] = graph.add('LTXVEmptyLatentAudio', {
    frames_number: frames,
    frame_rate: fps,
    batch_size: 1,
    audio_vae: audioVae,
  });
  return latent;
}

export function joined(graph: Graph, { video, audio }: AvLatent): Link<'LATENT'> {
  const [latent] = graph.add('LTXVConcatAVLatent', { video_latent: video, audio_latent: audio });
  return latent;
}

export function separated(graph: Graph, latent: Link<'LATENT'>): AvLatent {
  const [video, audio] = graph.add('LTXVSeparateAVLatent', { av_latent: latent });
  return { video, audio };
}

/** The size of a first stage whose result is doubled. */
export function halfOf({ width, height, frames }: Size): Size {
  return { width: width / 2, height: height / 2, frames };
}

/** The same at double width and height. */
export function doubled(
  graph: Graph,
  samples: Link<'LATENT'>,
  { upscaler, vae }: Pick<Family, 'upscaler'> & { vae: Link<'VAE'> },
): Link<'LATENT'> {
  const [upscale_model] = graph.add('LatentUpscaleModelLoader', { model_name: graph.file(upscaler) });
  const [latent] = graph.add('LTXVLatentUpsampler', { samples, upscale_model, vae });
  return latent;
}
