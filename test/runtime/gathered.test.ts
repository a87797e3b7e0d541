import { describe, expect, test } from 'vitest';
import { gathered } from '../../src/runtime/gathered.ts';

/** Work whose runs end when they are told to. */
function arrange() {
  const runs: { end(): void; fail(): void }[] = [];
  const ask = gathered(() => {
    const number = runs.length;
    return new Promise<number>((resolve, reject) => {
      runs.push({ end: () => resolve(number), fail: () => reject(new Error(`run ${number}`)) });
    });
  });
  return { runs, ask };
}

describe('gathered work', () => {
  test('answers all who ask while it is under way with one later run', async () => {
    const { runs, ask } = arrange();
    const first = ask();
    const later = [ask(), ask(), ask()];
    expect(runs).toHaveLength(1);
    runs[0]?.end();
    expect(await first).toBe(0);
    await Promise.resolve();
    const latest = ask();
    expect(runs).toHaveLength(2);
    runs[1]?.end();
    expect(await Promise.all(later)).toEqual([1, 1, 1]);
    runs[2]?.end();
    expect(await latest).toBe(2);
  });

  test('that fails fails for those who asked before it began, and runs again for the others', async () => {
    const { runs, ask } = arrange();
    const [first, second] = [ask(), ask()];
    runs[0]?.fail();
    await expect(first).rejects.toThrow('run 0');
    runs[1]?.end();
    expect(await second).toBe(1);
    const third = ask();
    runs[2]?.end();
    expect(await third).toBe(2);
  });
});
