import type { MemoKind } from '../api/memo.ts';
import type { Votes } from '../core/votes.ts';
import type { Blob } from './blobs.ts';

/** The value of a computation as stored in its row. */
export interface Value {
  kind: MemoKind;
  /** The JSON text of a value, or of the names of its blobs; null when it is in `body`. */
  doc: string | null;
  /** The blob that holds the text. */
  body: string | null;
  /** All blobs that it needs, including `body`. */
  blobs: Blob[];
  /** Size of the value with its blobs. */
  bytes: number;
}

/** A stored result. Times are wall-clock ms. */
export interface Entry extends Value, Votes {
  id: number;
  ns: string;
  /** 64 hexadecimal digits. */
  key: string;
  epoch: number;
  /** Duration of the computation; null = unknown. */
  costMs: number | null;
  createdAt: number;
  /** Time until which it is fresh; it is stale until `endsAt`; null = without end. */
  freshUntil: number | null;
  endsAt: number | null;
  votedAt: number;
  hits: number;
  lastHitAt: number | null;
  lastUse: number;
  label: string | null;
  deps: readonly Dep[];
  /** The text of `body`, once read. */
  text?: string;
}

/** A file that the result came from, as `file:` and its path, with its fingerprint then; null = unknown. */
export interface Dep {
  dep: string;
  state: string | null;
}

/** Bytes of the value in the row itself, without the names of blobs. */
export function inlineBytes({ kind, doc }: Pick<Value, 'kind' | 'doc'>): number {
  return doc === null || kind === 'bytes' || kind === 'files' ? 0 : Buffer.byteLength(doc);
}
