import { beginWith, readyImages } from './images.ts';
import type { LtxKind } from './kind.ts';
import { doubled, emptyAudio, emptyVideo, halfOf, joined, separated } from './latents.ts';
import { load, withDistilledLora } from './load.ts';
import { guided, refined } from './sample.ts';
import { save } from './save.ts';
import { common, negative, prompt, start, steps } from './slots.ts';
import { encode } from './text.ts';

/** The undistilled model, guided, at half size; then doubled and refined with the distilled LoRA. */
export const twoStages: LtxKind = {
  name: 't2v-two-stages',
  description: 'text (and an image) to video with sound, guided at half size, then refined',
  slots: [prompt, negative, start, ...common({ width: 1536, height: 1024, multipleOf: 64 }), steps],

  build(graph, settings, family, { isAdaptive, isQuantized }) {
    const loaded = load(graph, family, 'dev', isQuantized);
    const vae = loaded.videoVae;
    const text = encode(graph, loaded.clip, settings);
    const images = readyImages(graph, settings, family);
    const { seed, steps } = settings;

    const small = beginWith(graph, images, { latent: emptyVideo(graph, halfOf(settings)), vae });
    const first = joined(graph, { video: small, audio: emptyAudio(graph, loaded.audioVae, settings) });
    const sampled = separated(graph, guided(graph, { ...text, model: loaded.model, latent: first, seed, steps, isAdaptive }));

    const large = beginWith(graph, images, { latent: doubled(graph, sampled.video, { ...family, vae }), vae });
    const second = joined(graph, { video: large, audio: sampled.audio });
    const model = withDistilledLora(graph, loaded.model, family);
    save(graph, separated(graph, refined(graph, { ...text, model, latent: second, seed })), { loaded, family, settings });
  },
};
