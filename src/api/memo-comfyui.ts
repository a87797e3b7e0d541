/** What the plane of results knows of ComfyUI's nodes, on the wire (docs/MEMO.md, "ComfyUI"). */

/**
 * What ComfyUI keeps here of the outputs of its nodes: nothing, encodings of texts, besides them latents, processed images and what output
 * nodes have saved, or besides them what custom nodes compute that were seen to be repeatable.
 */
export const comfyuiModes = ['off', 'text', 'results', 'all'] as const;
export type ComfyuiMode = (typeof comfyuiModes)[number];

/** What is known of a class of nodes from comparing its outputs of several runs of ComfyUI. */
export type Repeatability = 'repeatable' | 'unrepeatable' | 'unknown';

/** What came of comparing outputs of ComfyUI's nodes that were computed more than once. */
export interface MemoComparisons {
  agreed: number;
  disagreed: number;
  /** Classes whose outputs are not kept, because one was another one for the same inputs; `at`: when that was seen, wall-clock ms. */
  unrepeatable: { class: string; at: number | null }[];
}

/** By what ComfyUI and packs of custom nodes are told apart: their code, or their versions. */
export const codeChecks = ['strict', 'version'] as const;
export type CodeCheck = (typeof codeChecks)[number];
