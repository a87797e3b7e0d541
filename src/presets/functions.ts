import { choose, compile } from './compile.ts';
import type { FamilyName } from './family-names.ts';
import type { ApiPrompt } from './graph.ts';
import { Library } from './library.ts';
import type { PlacedImage } from './slots.ts';

/** The common options of all fifteen. The usual values are in docs/PRESETS.md. */
export interface VideoOptions {
  prompt: string;
  /** Default `ltx-2.3`. */
  family?: FamilyName;
  /** Pixels. */
  width?: number;
  height?: number;
  /** A multiple of 8, and 1. */
  frames?: number;
  /** Frames a second. */
  fps?: number;
  /** Seed of 64 bits; a `bigint` or a text of digits keeps all of them. */
  seed?: number | bigint | string;
  /** File below ComfyUI's output folder. */
  output?: string;
}

/** An image of ComfyUI's input folder, by its name (`a.png@0` with its frame) or with its frame. */
export type ImageOption = string | PlacedImage;

export interface DistilledOptions extends VideoOptions {
  /** An image to begin with. */
  images?: ImageOption | readonly ImageOption[];
}

export interface TextToVideoOptions extends DistilledOptions {
  /** The negative text. */
  negative?: string;
  steps?: number;
}

export interface IcLoraOptions extends DistilledOptions {
  /** The video to be guided by, a file of the input folder. */
  video: string;
  /** Another IC-LoRA, in place of the family's. */
  lora?: string;
  loraStrength?: number;
}

export interface KeyframeOptions extends Omit<TextToVideoOptions, 'images'> {
  images: ImageOption | readonly ImageOption[];
}

/** @throws CacheError BAD_REQUEST that names every wrong option */
type PresetFunction<Options> = (options: Options) => ApiPrompt;

const library = new Library(null);

function presetFunction<Options extends VideoOptions>(name: string): PresetFunction<Options> {
  return (options) => compile(choose(library.find(name), Object.fromEntries(Object.entries(options)))).prompt;
}

export const t2vOneStage = presetFunction<TextToVideoOptions>('t2v-one-stage');
export const t2vOneStageAdaptive = presetFunction<TextToVideoOptions>('t2v-one-stage-adaptive');
export const t2vOneStageQuantized = presetFunction<TextToVideoOptions>('t2v-one-stage-quantized');
export const t2vTwoStages = presetFunction<TextToVideoOptions>('t2v-two-stages');
export const t2vTwoStagesAdaptive = presetFunction<TextToVideoOptions>('t2v-two-stages-adaptive');
export const t2vTwoStagesQuantized = presetFunction<TextToVideoOptions>('t2v-two-stages-quantized');
export const distilledFast = presetFunction<DistilledOptions>('distilled-fast');
export const distilledFastAdaptive = presetFunction<DistilledOptions>('distilled-fast-adaptive');
export const distilledFastQuantized = presetFunction<DistilledOptions>('distilled-fast-quantized');
export const icLora = presetFunction<IcLoraOptions>('ic-lora');
export const icLoraAdaptive = presetFunction<IcLoraOptions>('ic-lora-adaptive');
export const icLoraQuantized = presetFunction<IcLoraOptions>('ic-lora-quantized');
export const keyframeInterpolation = presetFunction<KeyframeOptions>('keyframe-interpolation');
export const keyframeInterpolationAdaptive = presetFunction<KeyframeOptions>('keyframe-interpolation-adaptive');
export const keyframeInterpolationQuantized = presetFunction<KeyframeOptions>('keyframe-interpolation-quantized');
