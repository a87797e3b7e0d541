import type { MemoKind } from '../api/memo.ts';
import type { Votes } from '../core/votes.ts';
import type { Blob } from './blobs.ts';

/** What a computation gave, as its row keeps it. */
export interface Value {
  kind: MemoKind;
  /** The JSON text of a value, or of the names of its blobs; null when it lies in `body`. */
  doc: string | null;
  /** The blob that holds the text. */
  body: string | null;
  /** All blobs that it needs, `body` among them. */
  blobs: Blob[];
  /** Of the value, with its blobs. */
  bytes: number;
}

/** A result that is kept. Times are wall-clock ms. */
export interface Entry extends Value, Votes {
  id: number;
  ns: string;
  /** 64 hexadecimal digits. */
  key: string;
  epoch: number;
  /** Of the computation; null when nobody said. */
  costMs: number | null;
  createdAt: number;
  /** Served as fresh until then, as stale until `endsAt`; null = without end. */
  freshUntil: number | null;
  endsAt: number | null;
  votedAt: number;
  hits: number;
  lastHitAt: number | null;
  lastUse: number;
  label: string | null;
  deps: readonly Dep[];
  /** The text of `body`, once it was read. */
  text?: string;
}

/** A file that the result came from, as `file:` and its path, and its fingerprint then; null when that is not known. */
export interface Dep {
  dep: string;
  state: string | null;
}

/** Bytes of the value in the row itself; the names of blobs are none. */
export function inlineBytes({ kind, doc }: Pick<Value, 'kind' | 'doc'>): number {
  return doc === null || kind === 'bytes' || kind === 'files' ? 0 : Buffer.byteLength(doc);
}
