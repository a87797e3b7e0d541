import type { Clock } from './clock.ts';

/** Passes a call on at most once in `everyMs`, the first one always; calls in between are dropped. */
export function throttle<Args extends unknown[]>(
  everyMs: number,
  clock: Pick<Clock, 'monotonic'>,
  call: (...args: Args) => void,
): (...args: Args) => void {
  let passedAt = Number.NEGATIVE_INFINITY;
  return (...args) => {
    const now = clock.monotonic();
    if (now - passedAt < everyMs) return;
    passedAt = now;
    call(...args);
  };
}
