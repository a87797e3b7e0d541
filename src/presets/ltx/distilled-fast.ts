import { beginWith, readyImages } from './images.ts';
import type { LtxKind } from './kind.ts';
import { emptyAudio, emptyVideo, joined, separated } from './latents.ts';
import { load } from './load.ts';
import { distilled } from './sample.ts';
import { save } from './save.ts';
import { common, prompt, start } from './slots.ts';
import { encode } from './text.ts';

/** The distilled model in eight steps without guidance: the negative text is not even encoded. */
export const distilledFast: LtxKind = {
  name: 'distilled-fast',
  description: 'text (and an image) to video with sound, eight steps of the distilled model',
  slots: [prompt, start, ...common({ width: 768, height: 512, multipleOf: 32 })],

  build(graph, settings, family, { isAdaptive, isQuantized }) {
    const loaded = load(graph, family, 'distilled', isQuantized);
    const text = encode(graph, loaded.clip, { ...settings, negative: null });
    const images = readyImages(graph, settings, family);
    const video = beginWith(graph, images, { latent: emptyVideo(graph, settings), vae: loaded.videoVae });
    const latent = joined(graph, { video, audio: emptyAudio(graph, loaded.audioVae, settings) });
    const how = { seed: settings.seed, sampler: family.distilledSampler, isAdaptive };
    const sampled = distilled(graph, { ...text, model: loaded.model, latent, ...how });
    save(graph, separated(graph, sampled), { loaded, family, settings });
  },
};
