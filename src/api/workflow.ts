import type { UnresolvedReason } from '../core/vocabulary.ts';
import type { JobView, WarmItem } from './api.ts';

/** A model file that a workflow loads, and its state in the cache. */
export interface WorkflowModel
  extends Pick<WarmItem, 'path' | 'tier' | 'reason' | 'word' | 'why' | 'size' | 'ready' | 'pinned'> {
  node: string;
  classType: string;
  /** Name of the input; `lora_1.lora` for a value inside a value. */
  input: string;
  /** Null when unknown. */
  category: string | null;
  /** Path below a folder of the category, always with `/`. */
  name: string;
  /**
   * How it was found, surest first: `learned` from real lookups, `object_info` of the running ComfyUI, `core` table of the stock
   * nodes, `models` declared by the workflow's author, `name` of the input and the file.
   */
  how: 'learned' | 'object_info' | 'core' | 'models' | 'name';
  /** Loaded only if a switch in the workflow is turned; such models come last and are not prefetched. */
  switchedOff?: true;
  /** Its node opens it past ComfyUI's lookup, so that a copy would not be used; not prefetched. */
  opensItself?: true;
  /** Needed only by nodes whose outputs are kept from an earlier run; such models come last and are not prefetched. */
  notNeeded?: true;
}

/** An input that names or chooses a model, without a known file. */
export interface UnresolvedInput {
  node: string;
  classType: string;
  /** As in `WorkflowModel`. */
  input: string;
  /** The value as the document has it; null when it is computed. */
  value: string | null;
  reason: UnresolvedReason;
  word: string;
  why: string;
  /** The files of that name, when there are several. */
  candidates: readonly string[];
}

/** Answer of `POST /api/workflows/analyze`. */
export interface WorkflowAnswer {
  kind: 'prompt' | 'workflow';
  /** In load order; each file once. */
  models: WorkflowModel[];
  /** Nodes whose models are not loaded or cannot be named, with the reason. */
  skipped: { node: string; why: string }[];
  /** Inputs of nodes that are executed. A named file that is absent is among `models`. */
  unresolved: UnresolvedInput[];
}

/** Answer of `POST /api/workflows/prefetch`: the copies under way for it, and its models; those with `notNeeded` get no copy. */
export interface PrefetchAnswer {
  jobs: JobView[];
  models: WorkflowModel[];
}

/** Answer of `POST /api/hints`: the copies under way for the workflow that is open. */
export interface HintAnswer {
  jobs: JobView[];
}
