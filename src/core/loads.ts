import type { Medium, Reason, TierName } from './types.ts';

/** Span by which old loads are summed, ms; days begin at midnight UTC. */
export const dayMs = 24 * 3600 * 1000;

/** One load of a model by a program. */
export interface Load {
  /** Wall-clock ms. */
  at: number;
  /** Path of the source, its category and size in bytes. */
  path: string;
  category: string | null;
  size: number;
  medium: Medium;
  /** Bytes per second of its source, as measured or assumed at that time. */
  sourceSpeed: number;
  /** The tier that it came from; null = its source. */
  tier: TierName | null;
  reason: Reason;
  /** Duration, s: as the program reported it, until then estimated from the speed of the tier or source. */
  seconds: number;
  /** ComfyUI's id of the prompt, and the class of the node that loaded it, if the program stated them. */
  prompt: string | null;
  nodeClass: string | null;
}

/** A past load. Of old days only the number of loads of each file is known: they are spread evenly over their time. */
export interface PastLoad extends Pick<Load, 'at' | 'path' | 'category' | 'size' | 'medium' | 'sourceSpeed'> {
  /** Whether a copy was used. */
  hit: boolean;
  /** The prompt, by a number; null where it is not known. */
  run: number | null;
  /** Wall-clock ms at which that prompt joined the queue; null where it is not known. */
  queuedAt: number | null;
}
