import { CacheError } from '../../core/errors.ts';
import type { Slot } from '../slots.ts';
import { leadPast, readyImages, withoutGuides } from './images.ts';
import type { LtxKind } from './kind.ts';
import { doubled, emptyAudio, emptyVideo, halfOf, joined, separated } from './latents.ts';
import { load, withDistilledLora } from './load.ts';
import { guided, refined } from './sample.ts';
import { save } from './save.ts';
import { common, type LtxSettings, negative, prompt, steps } from './slots.ts';
import { encode } from './text.ts';

const keyframes: Slot = {
  name: 'images',
  kind: 'images',
  least: 1,
  most: 32,
  meaning: 'images that the video passes, each at a frame: a.png@0, b.png@-1',
};

/** The undistilled model led past images, guided, at half size; then doubled and refined past the same images. */
export const keyframeInterpolation: LtxKind = {
  name: 'keyframe-interpolation',
  description: 'images at given frames and text to the video between them',
  slots: [prompt, negative, keyframes, ...common({ width: 1536, height: 1024, multipleOf: 64 }), steps],

  build(graph, settings, family, { isAdaptive, isQuantized }) {
    assertWithin(settings);
    const loaded = load(graph, family, 'dev', isQuantized);
    const vae = loaded.videoVae;
    const text = encode(graph, loaded.clip, settings);
    const images = readyImages(graph, settings, family);
    const { seed, steps } = settings;

    const { latent: small, ...led } = leadPast(graph, images, vae, { ...text, latent: emptyVideo(graph, halfOf(settings)) });
    const first = joined(graph, { video: small, audio: emptyAudio(graph, loaded.audioVae, settings) });
    const sampled = separated(graph, guided(graph, { ...led, model: loaded.model, latent: first, seed, steps, isAdaptive }));

    const alone = withoutGuides(graph, { ...led, latent: sampled.video });
    const large = leadPast(graph, images, vae, { ...text, latent: doubled(graph, alone, { ...family, vae }) });
    const second = joined(graph, { video: large.latent, audio: sampled.audio });
    const model = withDistilledLora(graph, loaded.model, family);
    const final = separated(graph, refined(graph, { ...large, model, latent: second, seed }));
    const video = withoutGuides(graph, { ...large, latent: final.video });
    save(graph, { video, audio: final.audio }, { loaded, family, settings });
  },
};

/** @throws CacheError BAD_REQUEST for an image beyond an end of the video, or two at one frame */
function assertWithin({ images, frames }: LtxSettings): void {
  const at = images.map(({ frame }) => (frame < 0 ? frames + frame : frame));
  const beyond = images.find((_, index) => (at[index] ?? -1) < 0 || (at[index] ?? frames) >= frames);
  if (beyond) throw new CacheError('BAD_REQUEST', `images: the video has no frame ${beyond.frame}; it has ${frames} frames`);
  if (new Set(at).size < at.length) throw new CacheError('BAD_REQUEST', 'images: two of them lie at the same frame');
}
