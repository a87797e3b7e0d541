import { setTimeout as sleep } from 'node:timers/promises';
import type { Meter } from '../../spending.ts';
import { giveBack } from './give-back.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';
import type { Pace } from './pace.ts';
import { type Patience, pauseBefore } from './persistence.ts';
import { RemoteFailure } from './remote-failure.ts';

/** What the reads of one object have in common. */
export interface ObjectRead {
  store: ObjectStore;
  object: StoredObject;
  pace: Pace;
  patience: Patience;
  /** Ends them. */
  signal: AbortSignal;
  /** Bytes have come, or the answer that the remote is busy. */
  onHeard(): void;
  meter: Meter;
}

/** A part is asked for again, from where it stands, when it takes so many times longer than others usually do. */
const lateTimes = 5;
/** The longest time for one request of a part that makes its way, ms. */
const longestMs = 600_000;
/** While a pause runs, the reader says this often that it is alive, ms. */
const aliveMs = 5_000;

/**
 * Fills `into` with the bytes of an object from `position` on. When the connection breaks or stalls, what has come stays, and the rest
 * is asked for again.
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

/** One request. @returns the bytes that are right in any case, and why they are not all */
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
        // Nothing of such an answer is to be trusted.
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

/** Waits until the next attempt. @throws RemoteFailure the failure itself, when no further attempt is made */
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

/** Ends a request when nothing comes, when it takes too long as a whole, or when nobody wants it any more. */
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
