/** ComfyUI's nodes in the plane of results, on the wire (docs/MEMO.md, "ComfyUI"). */

/**
 * Outputs of ComfyUI's nodes that are kept. Each mode includes those before it: nothing; encodings of texts; latents, processed
 * images and files that output nodes saved; outputs of custom nodes that proved to be repeatable.
 */
export const comfyuiModes = ['off', 'text', 'results', 'all'] as const;
export type ComfyuiMode = (typeof comfyuiModes)[number];

/** Repeatability of a class of nodes, from comparing its outputs of several runs of ComfyUI. */
export type Repeatability = 'repeatable' | 'unrepeatable' | 'unknown';

/** Outcome of comparing outputs of ComfyUI's nodes that were computed more than once. */
export interface MemoComparisons {
  agreed: number;
  disagreed: number;
  /** Classes whose outputs are not kept because they differed for the same inputs; `at`: when that was seen, wall-clock ms. */
  unrepeatable: { class: string; at: number | null }[];
}

/** How ComfyUI and packs of custom nodes are identified: by their code, or by their versions. */
export const codeChecks = ['strict', 'version'] as const;
export type CodeCheck = (typeof codeChecks)[number];
