import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Periodic } from '../../src/runtime/periodic.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function arrange(work: () => unknown = () => {}, everyMs: number | (() => number) = 100) {
  const rounds = vi.fn(work);
  const onError = vi.fn();
  const periodic = new Periodic(rounds, { everyMs, onError });
  onTestFinished(() => periodic[Symbol.asyncDispose]());
  return { rounds, onError, periodic };
}

/** Work that is over when the test says so. */
function slow() {
  const ends: (() => void)[] = [];
  return { work: () => new Promise<void>((resolve) => ends.push(resolve)), end: () => ends.shift()?.() };
}

describe('rounds', () => {
  test('begin now, and again a pause after each end', async () => {
    const { work, end } = slow();
    const { rounds, periodic } = arrange(work);
    void periodic.now();
    expect(rounds).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(rounds).toHaveBeenCalledTimes(1);
    end();
    await vi.advanceTimersByTimeAsync(99);
    expect(rounds).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(rounds).toHaveBeenCalledTimes(2);
    end();
  });

  test('begin later', async () => {
    const { rounds, periodic } = arrange();
    periodic.later();
    expect(rounds).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(250);
    expect(rounds).toHaveBeenCalledTimes(2);
  });

  test('are never two at once: one that is asked for meanwhile follows at once', async () => {
    const { work, end } = slow();
    const { rounds, periodic } = arrange(work);
    const first = periodic.now();
    const both = Promise.all([first, periodic.now(), periodic.now()]);
    expect(rounds).toHaveBeenCalledTimes(1);
    end();
    await vi.advanceTimersByTimeAsync(0);
    expect(rounds).toHaveBeenCalledTimes(2);
    end();
    await both;
    expect(rounds).toHaveBeenCalledTimes(2);
  });

  test('go on after a failure, which is told', async () => {
    const { rounds, onError, periodic } = arrange(() => {
      throw new Error('no');
    });
    await periodic.now();
    expect(onError).toHaveBeenCalledExactlyOnceWith(new Error('no'));
    await vi.advanceTimersByTimeAsync(100);
    expect(rounds).toHaveBeenCalledTimes(2);
  });
});

describe('the pause', () => {
  test('is asked for after every round', async () => {
    let pause = 100;
    const { rounds, periodic } = arrange(
      () => {
        pause *= 2;
      },
      () => pause,
    );
    await periodic.now();
    await vi.advanceTimersByTimeAsync(199);
    expect(rounds).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1 + 400);
    expect(rounds).toHaveBeenCalledTimes(3);
  });

  test('can be measured anew, but nothing begins by that', async () => {
    let pause = 1000;
    const { rounds, periodic } = arrange(
      () => {},
      () => pause,
    );
    periodic.rearm();
    expect(vi.getTimerCount()).toBe(0);
    periodic.later();
    pause = 10;
    periodic.rearm();
    await vi.advanceTimersByTimeAsync(10);
    expect(rounds).toHaveBeenCalledTimes(1);
  });
});

describe('the end', () => {
  test('lets no further round begin, waits for the one that runs, and does not tell of its failure', async () => {
    const { promise, reject } = Promise.withResolvers<void>();
    const { rounds, onError, periodic } = arrange(() => promise);
    void periodic.now();
    void periodic.now();
    let ended = false;
    const ending = periodic[Symbol.asyncDispose]().then(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).toBe(false);
    reject(new Error('ended'));
    await ending;
    await periodic.now();
    periodic.later();
    await vi.advanceTimersByTimeAsync(1000);
    expect(rounds).toHaveBeenCalledTimes(1);
    expect(onError).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('comes in a pause', async () => {
    const { rounds, periodic } = arrange();
    await periodic.now();
    await periodic[Symbol.asyncDispose]();
    await vi.advanceTimersByTimeAsync(1000);
    expect(rounds).toHaveBeenCalledTimes(1);
  });
});
