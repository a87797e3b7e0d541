import { setTimeout as sleep } from 'node:timers/promises';
import type { Meter } from '../../spending.ts';
import { giveBack } from './give-back.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';
import type { Pace } from './pace.ts';
import { type Patience, pauseBefore } from './persistence.ts';
import { RemoteFailure } from './remote-failure.ts';

/** The common fields of all reads of one object. */
export interface ObjectRead {
  store: ObjectStore;
  object: StoredObject;
  pace: Pace;
  patience: Patience;
  /** Ends the reads. */
  signal: AbortSignal;
  /** Called when bytes, or a busy answer, have come. */
  onHeard(): void;
  meter: Meter;
}

/** Multiple of the usual duration after which the rest of a part is requested again. */
const lateTimes = 5;
/** Maximum time of one request for a part that makes progress, ms. */
const longestMs = 600_000;
/** Interval of the reader's signs of life during a pause, ms. */
const aliveMs = 5_000;

/**
 * Fills `into` with the bytes of an object from `position` on. When the connection breaks or stalls, received bytes stay, and the rest
 * is requested again.
 * @throws RemoteFailure
 */
export async function readRange(read: ObjectRead, into: Uint8Array, position: number): Promise<void> {
  const startedAt = performance.now();
  let heardAt = startedAt;
  let filled = 0;
  let failures = 0;
  while (filled < into.length) {
    const { bytes, failure } = await attempt(read, into.subarray(filled), position + filled, failures);
    filled += bytes;
    if (bytes > 0) {
      heardAt = performance.now();
      failures = 0;
    }
    if (failure) await recover(read, failure, ++failures, performance.now() - heardAt);
  }
  read.pace.took(performance.now() - startedAt);
}

/** Makes one request. @returns the number of valid bytes, and why they are not all */
async function attempt(
  read: ObjectRead,
  into: Uint8Array,
  position: number,
  failures: number,
): Promise<{ bytes: number; failure: RemoteFailure | null }> {
  const { store, object, pace, patience } = read;
  const done = await pace.turn(read.signal);
  const late = Math.min(longestMs, Math.max(patience.silentMs, lateTimes * pace.typicalMs) * 2 ** failures);
  using watch = new Watch(read.signal, patience.silentMs, late);
  let filled = 0;
  try {
    const range = { from: position, end: position + into.length };
    for await (const bytes of await store.read(object, range, watch.signal)) {
      read.meter.received(bytes.length);
      if (bytes.length > into.length - filled) {
        // No byte of such an answer is trusted.
        filled = 0;
        throw new RemoteFailure('broken', `${store.address} sends more than was asked for`);
      }
      const { length } = bytes;
      into.set(bytes, filled);
      giveBack(bytes);
      filled += length;
      watch.heard();
      pace.received(length);
      read.onHeard();
    }
    if (filled < into.length) throw new RemoteFailure('away', `${store.address} broke off an answer`);
    return { bytes: filled, failure: null };
  } catch (error) {
    return { bytes: filled, failure: watch.failureOf(error, store.address) };
  } finally {
    done();
  }
}

/** Waits for the next attempt. @throws RemoteFailure the failure itself, when no further attempt is made */
async function recover(read: ObjectRead, failure: RemoteFailure, failures: number, silentMs: number): Promise<void> {
  const { patience, pace, signal } = read;
  if (!failure.mayPass) throw failure;
  const isSlow = failure.kind === 'slow';
  const rest = (isSlow ? patience.slowMs : patience.deadMs) - silentMs;
  const pauseMs = pauseBefore(failures, patience.pauseMs, failure);
  if (rest <= 0 || (failure.retryAfterMs ?? 0) > rest) throw failure;
  pace.slowDown(failure.retryAfterMs);
  for (let left = Math.min(pauseMs, rest); left > 0; left -= aliveMs) {
    if (isSlow) read.onHeard();
    await sleep(Math.min(left, aliveMs), undefined, { signal }).catch(() => {
      throw cancelled();
    });
  }
}

/** Ends a request that is silent, takes too long as a whole, or is cancelled. */
class Watch implements Disposable {
  readonly signal: AbortSignal;
  readonly #outer: AbortSignal;
  readonly #own = new AbortController();
  readonly #silence: NodeJS.Timeout;
  readonly #whole: NodeJS.Timeout;

  constructor(outer: AbortSignal, silentMs: number, lateMs: number) {
    this.#outer = outer;
    this.signal = AbortSignal.any([outer, this.#own.signal]);
    this.#silence = setTimeout(() => this.#own.abort(), silentMs);
    this.#whole = setTimeout(() => this.#own.abort(), lateMs);
  }

  heard(): void {
    this.#silence.refresh();
  }

  failureOf(error: unknown, address: string): RemoteFailure {
    if (this.#outer.aborted) return cancelled();
    if (this.#own.signal.aborted) return new RemoteFailure('away', `${address} stalls`);
    if (error instanceof RemoteFailure) return error;
    throw error;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#whole);
  }
}

function cancelled(): RemoteFailure {
  return new RemoteFailure('cancelled', 'reading the source was cancelled');
}
