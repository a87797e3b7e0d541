/** Whole prompts on the wire: requests and answers of `POST /api/prompts/run` (docs/PROMPTS.md). */

/**
 * Origin of an answer. `HIT`, `STALE`: the results; `MISS`: a run of ComfyUI, kept; `BYPASS…`: a run of ComfyUI, not kept;
 * `RUNNING`: the caller's wait ended before the run. Closed list.
 */
export type PromptReason =
  | 'HIT'
  | 'STALE'
  | 'MISS'
  | 'BYPASS_NONDETERMINISTIC'
  | 'BYPASS_UNKNOWN_FILE'
  | 'BYPASS_OFF'
  | 'RUNNING';

/** A file that a prompt has made. */
export interface PromptOutput {
  /** The node, by its id in the caller's prompt. */
  node: string;
  /** ComfyUI's word for such files: `images`, `audio`, `gifs`. */
  kind: string;
  /** Name under which ComfyUI saved it when it ran the prompt. */
  filename: string;
  subfolder: string;
  /** `output` or `temp`. */
  type: string;
  contentType: string;
  /** Null where it was not kept and ComfyUI does not say it. */
  size: number | null;
  sha256: string | null;
  /** Path at which it can be opened on this machine, for at least a minute; null when it could not be kept, and only ComfyUI has it. */
  path: string | null;
  /** With `as: "bytes"`: base64. */
  bytes?: string;
}

/** Another thing that a node has put out: a text, a number. */
export interface PromptValue {
  node: string;
  name: string;
  value: unknown;
}

export interface PromptAnswer {
  reason: PromptReason;
  /** The reason in a sentence if something is not kept; else null. */
  why: string | null;
  /** True when the result is kept. */
  stored: boolean;
  key: string | null;
  /** ComfyUI's id of the run; null when there was none. */
  promptId: string | null;
  /** Since it was computed. */
  ageMs: number;
  outputs: PromptOutput[];
  values: PromptValue[];
}

/** Progress of a run; an event of `"watch": true`. */
export interface PromptRunProgress {
  /** `starting`: on its way to ComfyUI; `fetching`: it is over there, and its files are being kept. */
  state: 'starting' | 'queued' | 'running' | 'fetching';
  promptId: string | null;
  /** Prompts before it in ComfyUI's queue; null when that is not known. */
  ahead: number | null;
  /** The node that runs, and its class. */
  node: string | null;
  classType: string | null;
  /** Steps of that node; 0 of 0 when it reports none. */
  step: number;
  steps: number;
  /** Finished nodes, of all nodes. */
  done: number;
  nodes: number;
}

/** A run in progress. */
export interface PromptRunView extends PromptRunProgress {
  /** Key of its result; null when none is kept. */
  key: string | null;
  /** Its preset, or its output nodes. */
  label: string;
  /** Address of the ComfyUI. */
  comfyui: string;
  /** Number of callers that wait for it. */
  waiting: number;
  runsForMs: number;
}

export interface PromptRunsAnswer {
  /** The oldest first. */
  running: PromptRunView[];
}
