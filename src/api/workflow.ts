import type { JobView, WarmItem } from './api.ts';

/** A model file that a workflow loads, and what there is of it. */
export interface WorkflowModel
  extends Pick<WarmItem, 'path' | 'tier' | 'reason' | 'word' | 'why' | 'size' | 'ready' | 'pinned'> {
  node: string;
  classType: string;
  /** Name of the input; `lora_1.lora` for a value inside a value. */
  input: string;
  /** Null when nothing tells it. */
  category: string | null;
  /** Path below a folder of the category, always with `/`. */
  name: string;
  /**
   * How it was found, surest first: `learned` from real lookups, `object_info` of the running ComfyUI, `core` table of the stock
   * nodes, `models` that the workflow's author declared, `name` of the input and the file.
   */
  how: 'learned' | 'object_info' | 'core' | 'models' | 'name';
  /** Loaded only when a switch in the workflow is turned; such models come last and are not prefetched. */
  switchedOff?: true;
}

/** What `POST /api/workflows/analyze` answers. */
export interface WorkflowAnswer {
  kind: 'prompt' | 'workflow';
  /** In the order in which they will be loaded; each file once. */
  models: WorkflowModel[];
  /** Nodes whose models are not loaded or cannot be named, with why. */
  skipped: { node: string; why: string }[];
}

/** What `POST /api/workflows/prefetch` answers: the copies that are on their way for it. */
export interface PrefetchAnswer {
  jobs: JobView[];
  models: WorkflowModel[];
}
