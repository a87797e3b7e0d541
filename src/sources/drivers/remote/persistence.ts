import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteFailure } from './remote-failure.ts';

/** Timeouts and retries of requests to a remote, ms. */
export interface Patience {
  /** Maximum time without an answer, or without a byte of it. */
  silentMs: number;
  /** Maximum time without a byte after which a read is given up. */
  deadMs: number;
  /** The same while the remote asks for fewer requests. */
  slowMs: number;
  /** Maximum number of attempts of a request about names. */
  looks: number;
  /** First and maximum pause between two attempts. */
  pauseMs: { first: number; longest: number };
}

export const usualPatience: Patience = {
  silentMs: 10_000,
  deadMs: 50_000,
  slowMs: 300_000,
  looks: 4,
  pauseMs: { first: 200, longest: 20_000 },
};

interface Persistent {
  signal?: AbortSignal | undefined;
  /** Called at each busy answer. Set for copies, which retry as long as the remote says that it is busy. */
  onBusy?: () => void;
}

/** Retries while a failure may pass. */
export async function persistent<T>(
  { looks, pauseMs, silentMs, slowMs }: Patience,
  attempt: (signal: AbortSignal) => Promise<T>,
  { signal, onBusy }: Persistent = {},
): Promise<T> {
  const giveUpAt = performance.now() + slowMs;
  for (let failures = 0; ; ) {
    try {
      return await answered(silentMs, attempt, signal);
    } catch (error) {
      if (!(error instanceof RemoteFailure) || !error.mayPass) throw error;
      failures += 1;
      const pause = pauseBefore(failures, pauseMs, error);
      const waits = onBusy !== undefined && error.kind === 'slow' && performance.now() + pause < giveUpAt;
      if (failures >= looks && !waits) throw error;
      if (waits) onBusy();
      await sleep(pause, undefined, signal && { signal });
    }
  }
}

/** Runs one attempt; its signal is aborted after the timeout. */
async function answered<T>(ms: number, attempt: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const late = AbortSignal.timeout(ms);
  try {
    return await attempt(signal ? AbortSignal.any([signal, late]) : late);
  } catch (error) {
    signal?.throwIfAborted();
    if (late.aborted) throw new RemoteFailure('away', `no answer came within ${ms / 1000} s`);
    throw error;
  }
}

/** A random pause up to a limit that doubles, which spreads retries; never less than the remote asks for. */
export function pauseBefore(attempt: number, { first, longest }: Patience['pauseMs'], { retryAfterMs }: RemoteFailure): number {
  const jittered = Math.random() * Math.min(longest, first * 2 ** (attempt - 1));
  return Math.max(jittered, retryAfterMs ?? 0);
}
