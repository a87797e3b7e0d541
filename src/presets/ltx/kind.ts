import type { Family } from '../families.ts';
import type { Graph } from '../graph.ts';
import type { Slot } from '../slots.ts';
import type { LtxSettings } from './slots.ts';

export interface Variant {
  /** Suffix of the preset's name. */
  suffix: '' | '-adaptive' | '-quantized';
  description: string;
  isAdaptive: boolean;
  isQuantized: boolean;
}

/** One of the five ways to make a video with LTX; each has three variants. */
export interface LtxKind {
  name: string;
  description: string;
  slots: readonly Slot[];
  /** @throws CacheError BAD_REQUEST for settings that do not fit together */
  build(graph: Graph, settings: LtxSettings, family: Family, variant: Variant): void;
}
