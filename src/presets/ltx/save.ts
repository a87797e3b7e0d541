import type { Family } from '../families.ts';
import type { Graph } from '../graph.ts';
import type { AvLatent } from './latents.ts';
import type { Loaded } from './load.ts';

interface Saved {
  fps: number;
  /** Name below ComfyUI's output folder. */
  output: string;
}

/** Decodes a video and its sound, in tiles, and saves them as one file. */
export function save(
  graph: Graph,
  latent: AvLatent,
  { loaded, family, settings }: { loaded: Loaded; family: Family; settings: Saved },
): void {
  const { fps, output } = settings;
  const [images] = graph.add('VAEDecodeTiled', { samples: latent.video, vae: loaded.videoVae, ...family.decode });
  const [audio] = graph.add('LTXVAudioVAEDecode', { samples: latent.audio, audio_vae: loaded.audioVae });
  const [video] = graph.add('CreateVideo', { images, fps, audio });
  graph.add('SaveVideo', { video, filename_prefix: output, format: 'auto', 'format.codec': 'auto' });
}
