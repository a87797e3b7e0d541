import type { VariantForm } from '../core/types.ts';
import type { JobView } from './api.ts';

/** Ask for a variant of a model. */
export interface VariantRequest {
  /** Absolute path of the model, or `category/name`. */
  model: string;
  /** The number format; left out = the weights stay as they are. */
  to?: VariantForm | undefined;
  /** Round activations to 8 bits too, where the GPU computes faster that way. */
  fastMatmul?: boolean | undefined;
  /** Leave out tensors that ComfyUI never loads. */
  dropUnused?: boolean | undefined;
}

/** A smaller model, made of another one on purpose. */
export interface VariantView {
  path: string;
  /** The name by which a loader lists it, below its category. */
  name: string;
  category: string;
  /** The path of the model it is made of; null where only its own file tells of it. */
  source: string | null;
  /** The part of its recipe that its name states: `fp8`, `auto8-trimmed`. */
  form: string;
  /** `waiting`: for its source's copy, or as `why` says; `stale`: its source has changed. A remade one stays until the new one is whole. */
  state: 'waiting' | 'making' | 'ready' | 'stale' | 'failed';
  /** Why it waits, failed or is stale, or which file is gone. */
  why: string | null;
  /** Bytes of its file, and bytes reserved for the one being made. */
  bytes: number;
  sourceBytes: number;
  architecture: string | null;
  /** The lowest ratio of signal to quantisation noise of its layers, dB; null = no layer has an error. */
  leastSqnr: number | null;
  /** Weights that were rounded. */
  layers: number | null;
  createdAt: string;
  /** The job that makes it, or its source's copy. */
  job: JobView | null;
}

export interface VariantsAnswer {
  /** Directory of the variants; a model folder of ComfyUI while there are any. */
  directory: string;
  /** Bytes of the cache's limit that they hold or reserve, and their maximum. */
  bytes: number;
  limit: number;
  variants: VariantView[];
}

/** Rounding error of each layer, the largest first. */
export interface VariantReportAnswer {
  variant: VariantView;
  /** SHA-256 of the source, hex. */
  sha256: string;
  layers: VariantLayer[];
}

/** A variant as reported with its model. */
export interface VariantStory extends Pick<VariantView, 'path' | 'name' | 'category' | 'state' | 'bytes'> {
  /** The five layers that lost most by rounding; empty until it is made. */
  worst: VariantLayer[];
}

export interface VariantLayer {
  name: string;
  /** Format by its name in safetensors: `I8`, `F8_E4M3`, `F16`, `BF16`, or that of the source if it stayed. */
  format: string;
  /** dB; null = no error. */
  sqnr: number | null;
  /** The largest error over the largest weight. */
  worst: number;
}

export interface RemovedVariantAnswer {
  path: string;
  /** Bytes freed. */
  bytes: number;
  /** True when only the making of a new one was ended. */
  formerStays: boolean;
}
