import type { VariantForm } from '../core/types.ts';
import type { JobView } from './api.ts';

/** Ask for a variant of a model. */
export interface VariantRequest {
  /** Absolute path of the model, or `category/name`. */
  model: string;
  /** The number format; left out = the weights stay as they are. */
  to?: VariantForm | undefined;
  /** Round activations to 8 bits too, where the GPU is faster so. */
  fastMatmul?: boolean | undefined;
  /** Leave out what ComfyUI never loads. */
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
  /** What of its recipe stands in its name: `fp8`, `auto8-trimmed`. */
  form: string;
  /** `waiting` for a copy of its source, or for what `why` tells; `stale`: its source has changed since. One that is made anew stays until the new one is whole. */
  state: 'waiting' | 'making' | 'ready' | 'stale' | 'failed';
  /** Why it waits, failed or is stale, or what is gone. */
  why: string | null;
  /** Of its file, and reserved for the one that is made. */
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
  /** Where they lie; it is a model folder of ComfyUI while there are any. */
  directory: string;
  /** What they hold, or have reserved, of the cache's limit; and the most of it that they may take. */
  bytes: number;
  limit: number;
  variants: VariantView[];
}

/** What the rounding of each layer cost, the worst ones first. */
export interface VariantReportAnswer {
  variant: VariantView;
  /** SHA-256 of the source, hex. */
  sha256: string;
  layers: VariantLayer[];
}

/** A variant as its model's story tells of it. */
export interface VariantStory extends Pick<VariantView, 'path' | 'name' | 'category' | 'state' | 'bytes'> {
  /** The five layers that lost most by rounding; empty until it is made. */
  worst: VariantLayer[];
}

export interface VariantLayer {
  name: string;
  /** As safetensors name it: `I8`, `F8_E4M3`, `F16`, `BF16`, or that of the source where it stayed. */
  format: string;
  /** dB; null = no error. */
  sqnr: number | null;
  /** The largest error over the largest weight. */
  worst: number;
}

export interface RemovedVariantAnswer {
  path: string;
  /** What became free. */
  bytes: number;
  /** Only the making of a new one has ended. */
  formerStays: boolean;
}
