import type { MemoNamespaceSettings, MemoRefusal } from '../api/memo.ts';
import { CacheError } from '../core/errors.ts';
import { isWorthKeeping } from '../policy/results.ts';
import type { Clock } from '../runtime/clock.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { isFull } from '../sqlite/reserve.ts';
import { isBusy, isOfDatabase } from '../sqlite/trouble.ts';
import type { Result } from './answers.ts';
import type { Blob } from './blobs.ts';
import { storeInRoom } from './namespace-room.ts';
import type { AskedText } from './similar/asked-text.ts';
import type { Verdict } from './similar/neighbours.ts';
import { changedWithin, type SourceDeps } from './source-deps.ts';
import type { Store } from './store.ts';
import { keptBlob, storeBlob } from './store-blob.ts';
import { type Draft, draftOf, type Given, type GivenFile, mostInline, mostInRow } from './values.ts';

/** A result with its program's settings for it. Times in ms. */
export interface PutRequest<G = Given | GivenFile> {
  ns: string;
  key: string;
  given: G;
  lease: string | null;
  /** Null = without end; left out = as the namespace has it. */
  ttlMs?: number | null;
  staleMs?: number;
  tags: readonly string[];
  deps: readonly string[];
  costMs: number | null;
  label: string | null;
  negative: boolean;
  /** Stored whatever its worth, because a user has asked for it. */
  isWanted?: boolean;
  /** The part of its key that may be worded differently. */
  asked?: AskedText;
  verdict?: Verdict;
}

export interface PutDeps {
  clock: Clock;
  sources: SourceDeps;
  /** The default times of namespaces. */
  times(): { ttlMs: number | null; staleMs: number };
  maxValue(): number;
  /** Read speed of the cache disk, bytes per second. */
  speed(): number;
}

/** Maximum share by which lifetimes are shortened, so that results stored together do not end together. */
const jitter = 0.05;

/** The value as a draft; its blobs must be stored. @throws CacheError NOT_FOUND, BAD_REQUEST */
export function draft(store: Store | null, given: Given): Draft {
  return draftOf(given, (sha256) => (store ? keptBlob(store, sha256) : undefined));
}

/** Why a value is not stored, regardless of room; null when it may be. */
export function refusal(deps: PutDeps, value: Draft, request: PutRequest, times: MemoNamespaceSettings): MemoRefusal | null {
  if (Buffer.byteLength(value.text) > mostInline || value.bytes > deps.maxValue()) return 'TOO_LARGE';
  if (request.negative && times.negativeTtlMs === undefined) return 'NEGATIVE';
  const { costMs, isWanted = false } = request;
  return isWanted || costMs === null || isWorthKeeping({ costMs, bytes: value.bytes, speed: deps.speed() })
    ? null
    : 'NOT_WORTH';
}

/** Why a value is not stored after an error of the disk or of the file of results. @throws any other error */
export function refusalFor(error: unknown): MemoRefusal {
  if (error instanceof CacheError && !isOfDatabase(error)) throw error;
  if (isBusy(error)) return 'BUSY';
  return isFull(error) || meaningOf(error) === 'full' ? 'NO_SPACE' : 'READ_ONLY';
}

/**
 * Stores a value.
 * @param heldMs time since its lease was given, null without one @param isVoid whether it was invalidated meanwhile @returns why not, or null
 */
export async function storeValue(
  deps: PutDeps,
  store: Store,
  {
    request,
    value,
    epoch,
    heldMs,
    isVoid,
  }: { request: PutRequest; value: Draft; epoch: number; heldMs: number | null; isVoid(): boolean },
): Promise<MemoRefusal | null> {
  const { ns, key, tags, label, costMs } = request;
  const isLong = Buffer.byteLength(value.text) > mostInRow;
  const isJson = value.kind === 'json' || value.kind === 'doc';
  const states = await deps.sources.read(request.deps);
  const body = isLong ? await bodyOf(store, value.text) : null;
  if (isLong && body === null) return 'NO_SPACE';
  const now = deps.clock.now();
  // Looking at its sources and writing its text may take long.
  if (isVoid() || changedWithin(states, { from: now - (heldMs ?? costMs ?? 0), to: now })) return 'INVALIDATED';
  const { kind, bytes } = value;
  const inline = isLong || !isJson ? 0 : Buffer.byteLength(value.text);
  // Making room may take long; its blobs are kept meanwhile.
  const blobs = body ? [...value.blobs, body] : value.blobs;
  const isStored = await storeInRoom(store, { ns, key, bytes, inline }, () =>
    store.put({
      value: { kind, bytes, blobs, body: body?.sha256 ?? null, doc: body ? null : value.text },
      ...{ ns, key, epoch, tags, label, deps: states, costMs: costMs ?? heldMs },
      ...ends(deps, request, store.namespaces.of(ns).settings),
    }),
  );
  return isStored ? null : 'NO_SPACE';
}

/** A long text as a blob; null without room for it. */
async function bodyOf(store: Store, text: string): Promise<Blob | null> {
  const bytes = Buffer.from(text);
  try {
    return await storeBlob(store, { bytes: [bytes], size: bytes.length, sha256: null, most: bytes.length });
  } catch (error) {
    if (isNoSpace(error)) return null;
    throw error;
  }
}

function isNoSpace(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'NO_SPACE';
}

/** The ends of a result's lifetime, which is never longer than requested. */
function ends(
  deps: PutDeps,
  request: PutRequest,
  of: MemoNamespaceSettings,
): { freshUntil: number | null; endsAt: number | null } {
  const usual = deps.times();
  const { negativeTtlMs = 0, ttlMs: ownTtlMs = usual.ttlMs, staleMs: ownStaleMs = usual.staleMs } = of;
  const told = request.ttlMs === undefined ? ownTtlMs : request.ttlMs;
  const ttlMs = request.negative ? Math.min(told ?? negativeTtlMs, negativeTtlMs) : told;
  if (ttlMs === null) return { freshUntil: null, endsAt: null };
  const freshUntil = deps.clock.now() + Math.floor(ttlMs * (1 - jitter * Math.random()));
  const staleMs = request.negative ? 0 : (request.staleMs ?? ownStaleMs);
  return { freshUntil, endsAt: freshUntil + staleMs };
}

/** The result for waiters, whether it is stored or not. */
export function resultOf(key: string, { kind, text, blobs, bytes }: Draft): Result {
  return { key, kind, text, blobs, bytes, body: null };
}
