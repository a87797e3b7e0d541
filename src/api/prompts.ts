/** Whole prompts on the wire: requests and answers of `POST /api/prompts/run` (docs/PROMPTS.md). */

/**
 * How an answer was come by. `HIT`, `STALE`: from the results; `MISS`: ComfyUI has run it, and it is kept; `BYPASS…`: it has run it,
 * and nothing is kept; `RUNNING`: whoever asked did not want to wait longer. Closed list.
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
  /** The node, as the prompt of whoever asks calls it. */
  node: string;
  /** ComfyUI's word for such files: `images`, `audio`, `gifs`. */
  kind: string;
  /** As ComfyUI has saved it when it ran the prompt. */
  filename: string;
  subfolder: string;
  /** `output` or `temp`. */
  type: string;
  contentType: string;
  /** Null where it was not kept and ComfyUI does not say it. */
  size: number | null;
  sha256: string | null;
  /** Where it can be opened on this machine, for at least a minute; null when it could not be kept, and only ComfyUI has it. */
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
  /** In a sentence, where something is not kept; else null. */
  why: string | null;
  /** It is found again. */
  stored: boolean;
  key: string | null;
  /** Of the run, in ComfyUI; null when there was none. */
  promptId: string | null;
  /** Since it was computed. */
  ageMs: number;
  outputs: PromptOutput[];
  values: PromptValue[];
}

/** How a run does; an event of `"watch": true`. */
export interface PromptRunProgress {
  /** `starting`: on its way to ComfyUI; `fetching`: it is over there, and its files are being kept. */
  state: 'starting' | 'queued' | 'running' | 'fetching';
  promptId: string | null;
  /** Prompts before it in ComfyUI's queue; null when that is not known. */
  ahead: number | null;
  /** The node that runs, and its class. */
  node: string | null;
  classType: string | null;
  /** Of that node; 0 of 0 when it does not tell. */
  step: number;
  steps: number;
  /** Of all nodes; those that are over. */
  done: number;
  nodes: number;
}

/** A run that goes on. */
export interface PromptRunView extends PromptRunProgress {
  /** Of its result; null when none is kept. */
  key: string | null;
  /** Its preset, or its output nodes. */
  label: string;
  /** Address of the ComfyUI. */
  comfyui: string;
  /** How many wait for it. */
  waiting: number;
  runsForMs: number;
}

export interface PromptRunsAnswer {
  /** The oldest first. */
  running: PromptRunView[];
}
