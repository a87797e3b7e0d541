import type { Purpose, Reason } from '../core/types.ts';
import type { EntryView, RootView } from './api.ts';
import type { RemoteView } from './remotes.ts';
import type { VariantStory } from './variants.ts';

export interface ExplainAnswer {
  path: string;
  entry: EntryView | null;
  root: RootView | null;
  /** Its remote; left out for other files. */
  remote?: RemoteView;
  /** Its content as the farm names it, and where the last copy's bytes came from; left out while the farm knows nothing of it. */
  farm?: FarmSourceView;
  /** Whether the shared store has it; left out without a store, and while the content is not known. */
  shared?: boolean;
  /** Its last copy was made from that store. */
  fromShared?: boolean;
  /** Wishes per other host of the farm that this host's counts began with; left out if it has counted alone. */
  toldWishes?: number;
  leases: { client: string; expiresInMs: number }[];
  decisions: { at: string; reason: Reason; purpose: Purpose; app: string | null }[];
  score: number | null;
  /** Probability that a workflow with it comes next; left out if it is not foreseen. */
  foreseen?: Foreseen;
  /** SHA-256 of the copy, hex, as published by model sites; null without a copy, and until computed (by copying or re-reading). */
  sha256: string | null;
  published: PublishedView | null;
  /** A lookup's answer at this time. */
  now: { reason: Reason; path: string; word: string; why: string };
  /** The file most likely meant, as `category/name`, when there is no such file; null when no name is near. */
  meant: string | null;
  /** Sources whose compressed copies its own is stored as differences from, and sources stored as differences from its own. */
  standsOn?: string[];
  baseOf?: string[];
  /** The variants made of this file, or the variant that it is; left out if there are none. */
  variants?: VariantStory[];
}

/** A workflow that may come next, and why. */
export interface Foreseen {
  /** 0 to 1. */
  probability: number;
  /** The three facts that speak for it most, the strongest first. */
  reasons: string[];
}

/** A source's content in the farm. */
export interface FarmSourceView {
  /** 64 hexadecimal digits. */
  content: string;
  /** Bytes that the last copy read from the source, and host -> bytes that other hosts gave; null when it was made without the farm. */
  from: { originBytes: number; peers: Record<string, number> } | null;
}

/** The SHA-256 beside a source, or in its name in the Hugging Face cache. */
export interface PublishedView {
  sha256: string;
  /** The file that states it. */
  from: string;
  /** Whether the copy, and so the source, has it; null while the copy's is unknown. */
  same: boolean | null;
}
