import type { PlacedImage, Slot } from '../slots.ts';

/** A number, or the slot that is filled before the graph runs. */
export type Seed = number | bigint | string;

/** The filled slots of the presets for LTX; each has the ones that it names. */
export interface LtxSettings {
  prompt: string;
  negative: string;
  width: number;
  height: number;
  frames: number;
  fps: number;
  seed: Seed;
  steps: number;
  images: readonly PlacedImage[];
  video: string;
  lora: string;
  loraStrength: number;
  output: string;
}

const unwanted = 'low quality, blurry, distorted, flickering, watermark, subtitles';

export const prompt: Slot = {
  name: 'prompt',
  kind: 'text',
  isOpen: true,
  meaning: 'what happens, what it looks and sounds like',
};
export const negative: Slot = {
  name: 'negative',
  kind: 'text',
  isOpen: true,
  default: unwanted,
  meaning: 'what to keep away from',
};
export const steps: Slot = {
  name: 'steps',
  kind: 'integer',
  default: 30,
  min: 2,
  max: 1000,
  meaning: 'steps of the first stage',
};
/** An image to begin with. */
export const start: Slot = {
  name: 'images',
  kind: 'images',
  default: [],
  least: 0,
  most: 1,
  only: 0,
  meaning: 'an image to begin with',
};

/** The common slots, such as size and length. @param multipleOf in pixels, so that all stages have whole latents */
export function common({ width, height, multipleOf }: { width: number; height: number; multipleOf: number }): Slot[] {
  const pixels = { kind: 'integer', min: 2 * multipleOf, max: 16_384 - (16_384 % multipleOf), multipleOf } as const;
  return [
    { name: 'width', ...pixels, default: width, meaning: 'pixels' },
    { name: 'height', ...pixels, default: height, meaning: 'pixels' },
    { name: 'frames', kind: 'integer', default: 121, min: 9, max: 993, multipleOf: 8, plus: 1, meaning: 'length of the video' },
    { name: 'fps', kind: 'number', default: 24, min: 1, max: 120, meaning: 'frames a second' },
    { name: 'seed', kind: 'seed', isOpen: true, default: 0, meaning: 'another seed gives another video' },
    { name: 'output', kind: 'text', isOpen: true, default: 'video/autocached', meaning: "file below ComfyUI's output folder" },
  ];
}
