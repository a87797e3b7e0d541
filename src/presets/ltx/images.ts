import type { Family } from '../families.ts';
import type { Graph } from '../graph.ts';
import type { Link } from '../node-classes.ts';
import type { PlacedImage } from '../slots.ts';
import type { Conditioned } from './text.ts';

/** An image at full size, compressed like the model's training images. */
export interface ReadyImage {
  image: Link<'IMAGE'>;
  frame: number;
}

export function readyImages(
  graph: Graph,
  { images, width, height }: { images: readonly PlacedImage[]; width: number; height: number },
  { imageCompression }: Pick<Family, 'imageCompression'>,
): ReadyImage[] {
  return images.map(({ file, frame }) => {
    const [image] = graph.add('LoadImage', { image: file });
    const [scaled] = graph.add('ImageScale', { image, upscale_method: 'lanczos', width, height, crop: 'center' });
    const [ready] = graph.add('LTXVPreprocess', { image: scaled, img_compression: imageCompression });
    return { image: ready, frame };
  });
}

/** Begins the video with an image, unless there is none. */
export function beginWith(
  graph: Graph,
  images: readonly ReadyImage[],
  { latent, vae }: { latent: Link<'LATENT'>; vae: Link<'VAE'> },
): Link<'LATENT'> {
  const [first] = images;
  if (!first) return latent;
  const [begun] = graph.add('LTXVImgToVideoInplace', { vae, image: first.image, latent, strength: 1, bypass: false });
  return begun;
}

export interface Guided extends Conditioned {
  latent: Link<'LATENT'>;
}

/** Strength of a keyframe: at 1 the video would freeze there. */
const keyframeStrength = 0.7;

/** Leads the video past its keyframes. The guides lengthen the latent: `withoutGuides` takes them off after sampling. */
export function leadPast(graph: Graph, keyframes: readonly ReadyImage[], vae: Link<'VAE'>, start: Guided): Guided {
  let led = start;
  for (const { image, frame } of keyframes) {
    const guide = { vae, image, frame_idx: frame, strength: keyframeStrength };
    const [positive, negative, latent] = graph.add('LTXVAddGuide', { ...led, ...guide });
    led = { positive, negative, latent };
  }
  return led;
}

export function withoutGuides(graph: Graph, guided: Guided): Link<'LATENT'> {
  const [, , latent] = graph.add('LTXVCropGuides', { ...guided });
  return latent;
}
