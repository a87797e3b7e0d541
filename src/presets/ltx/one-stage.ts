import { beginWith, readyImages } from './images.ts';
import type { LtxKind } from './kind.ts';
import { emptyAudio, emptyVideo, joined, separated } from './latents.ts';
import { load } from './load.ts';
import { guided } from './sample.ts';
import { save } from './save.ts';
import { common, negative, prompt, start, steps } from './slots.ts';
import { encode } from './text.ts';

/** The undistilled model, guided, at full size. */
export const oneStage: LtxKind = {
  name: 't2v-one-stage',
  description: 'text (and an image) to video with sound, one guided stage',
  slots: [prompt, negative, start, ...common({ width: 768, height: 512, multipleOf: 32 }), steps],

  build(graph, settings, family, { isAdaptive, isQuantized }) {
    const loaded = load(graph, family, 'dev', isQuantized);
    const text = encode(graph, loaded.clip, settings);
    const images = readyImages(graph, settings, family);
    const video = beginWith(graph, images, { latent: emptyVideo(graph, settings), vae: loaded.videoVae });
    const latent = joined(graph, { video, audio: emptyAudio(graph, loaded.audioVae, settings) });
    const { seed, steps } = settings;
    const sampled = guided(graph, { ...text, model: loaded.model, latent, seed, steps, isAdaptive });
    save(graph, separated(graph, sampled), { loaded, family, settings });
  },
};
