import type { WarmItem } from './api.ts';
import type { PromptAnswer } from './prompts.ts';

/** Presets on the wire (docs/PRESETS.md). */

export interface SlotView {
  name: string;
  kind: 'text' | 'integer' | 'number' | 'seed' | 'images' | 'any';
  meaning: string;
  required: boolean;
  /** Left out when there is none. */
  default?: unknown;
}

export interface PresetView {
  name: string;
  description: string;
  /** Families of models that it can be compiled for, the usual one first; empty when there is no choice. */
  families: string[];
  /** `user`: a file in `presets` of the state directory. */
  origin: 'built-in' | 'user';
  slots: SlotView[];
  /** Why its file cannot be used; then it has no slots. */
  problem: string | null;
}

/** The table of compiled graphs in figures. */
export interface GraphFigures {
  items: number;
  max: number;
  /** Since the start. */
  hits: number;
  misses: number;
  /** Hits over all lookups; null before the first. */
  hitRate: number | null;
}

export interface GraphsAnswer extends GraphFigures {
  /** The most recently used first. */
  graphs: { key: string; preset: string; config: unknown; hits: number; createdAt: number; expiresAt: number }[];
}

export interface PresetsAnswer {
  presets: PresetView[];
  graphs: GraphFigures;
}

/** A file that a preset loads. */
export interface PresetModel extends Pick<WarmItem, 'path' | 'tier' | 'ready' | 'size' | 'word' | 'why'> {
  category: string;
  name: string;
  /** Address at which it is published. */
  url: string | null;
  /** `away`: its folder does not answer. */
  state: 'here' | 'away' | 'missing';
}

/** The files of a preset with its usual settings, as found on this machine. */
export interface PresetFiles {
  name: string;
  family: string | null;
  /** Number of files that it loads. */
  files: number;
  /** The files that are not here, in load order. */
  absent: PresetModel[];
}

export interface PresetFilesAnswer {
  /** Files by preset and family; presets whose file cannot be used are left out. */
  presets: PresetFiles[];
}

/** A preset that was compiled for this machine. */
export interface CompiledAnswer {
  name: string;
  family: string | null;
  /** The prompt for ComfyUI's `POST /prompt`. */
  prompt: Record<string, { class_type: string; inputs: Record<string, unknown> }>;
  /** The models in load order. */
  models: PresetModel[];
  missing: number;
  /** Nodes that ComfyUI does not have; empty while its nodes are unknown. */
  lacks: string[];
  /** Whether the graph was in the table. */
  graph: 'hit' | 'miss';
}

/** Answer for a preset that has run, or whose result was known. */
export interface PresetAnswer extends PromptAnswer, Pick<CompiledAnswer, 'name' | 'family' | 'graph'> {}

/** Fields of a body with options of a run: no slot has such a name. */
export const presetFields = [
  'family',
  'check',
  'comfyui',
  'ttl',
  'stale',
  'tags',
  'waitMs',
  'fresh',
  'repeatable',
  'as',
  'watch',
] as const;
