import { CacheError } from '../core/errors.ts';

/** Bounds against documents made to exhaust the reader. Real workflows stay far below all of them. */
export const limits = {
  /** Bytes of JSON, also after decompression. */
  textBytes: 16 * 1024 * 1024,
  /** Bytes of all texts of one image together, damaged ones included. */
  imageTextBytes: 40 * 1024 * 1024,
  /** Nodes after subgraphs have been expanded. */
  nodes: 10_000,
  /** Examined values, links and steps of one document. */
  steps: 2_000_000,
  /** Number of steps that a text counts as, because it is searched for models. */
  stepsOfText: 100,
  /** A model named in a text counts as so many steps: several files may be meant. */
  stepsOfNamed: 500,
  /** Subgraphs inside subgraphs. */
  subgraphDepth: 64,
  /** Values inside values of one input. */
  valueDepth: 12,
  /** Reroutes, bypassed nodes and constants between an input and its source. */
  hops: 500,
  /** Characters of a file name with its folders. */
  nameLength: 1024,
} as const;

const hint = 'Give an API prompt, a workflow saved by ComfyUI, or a PNG or WebP image that carries one.';

/** The one error of this room: the document cannot be read, and why. */
export function unreadable(message: string, cause?: unknown): CacheError {
  return new CacheError('BAD_REQUEST', message, { hint, cause });
}

/** Counts the work that one document causes. */
export class Budget {
  #left: number = limits.steps;

  /** @throws CacheError BAD_REQUEST when the document asks for more work than any real one. */
  spend(steps = 1): void {
    this.#left -= steps;
    if (this.#left < 0) throw unreadable('the document is too large: its nodes and links expand to millions of steps');
  }
}
