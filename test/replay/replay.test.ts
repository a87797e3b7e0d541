import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { policies } from '../../src/policy/policies.ts';
import { foresight } from '../../src/replay/foresight.ts';
import { type ReplayOptions, replay } from '../../src/replay/replay.ts';
import { parseTrace, type Trace } from '../../src/replay/trace.ts';
import { traceOf } from './reads.ts';

const { heat, lru, lfu } = policies;
const best: ReplayOptions['policy'] = (_context, host) => foresight(host);
const plain = { capacity: 300, coldRatio: null };
const names = fc.constantFrom(...'abcdefgh');
const reads = fc.array(names, { maxLength: 80 });

describe('a replay without a cold tier', () => {
  test('copies what misses, and hits what was copied', () => {
    const trace = traceOf(['a', 'b', 'a', 'a']);
    expect(replay(trace, { ...plain, policy: lru })).toMatchObject({
      reads: 4,
      hits: 2,
      hitBytes: 200,
      bytes: 400,
      writtenBytes: 200,
    });
  });

  test('counts the seconds that an HDD takes longer than the SSD', () => {
    const { sourceSeconds, secondsSaved } = replay(traceOf(['a:3000', 'a:3000']), { ...plain, capacity: 3000, policy: lru });
    expect(sourceSeconds).toBeCloseTo(6000 / 150e6, 12);
    expect(secondsSaved).toBeCloseTo(3000 / 150e6 - 3000 / 2e9, 12);
  });

  test('lets the least recently used leave under LRU, and the least often used under LFU', () => {
    const trace = traceOf(['a', 'a', 'b', 'c', 'd', 'a']);
    expect(replay(trace, { ...plain, policy: lru }).hits).toBe(1);
    expect(replay(trace, { ...plain, policy: lfu }).hits).toBe(2);
  });

  test('does not hold a file larger than the cache', () => {
    expect(replay(traceOf(['a:301', 'a:301']), { ...plain, policy: lru })).toMatchObject({ hits: 0, writtenBytes: 0 });
  });

  test('heat keeps what is in use while a library is read through once, and writes none of it', () => {
    const used = Array.from({ length: 5 }, () => ['a', 'b', 'c']).flat();
    const library = Array.from({ length: 20 }, (_, k) => `other${k}`);
    const trace = traceOf([...used, ...library, 'a', 'b', 'c'], { apart: 1200 });
    expect(replay(trace, { ...plain, policy: heat })).toMatchObject({ hits: 12 + 3, writtenBytes: 300 });
    expect(replay(trace, { ...plain, policy: lru })).toMatchObject({ hits: 12, writtenBytes: 300 + 2000 + 300 });
  });

  test('heat lets go of what is not used any more', () => {
    const before = Array.from({ length: 5 }, () => ['a', 'b', 'c']).flat();
    const after = Array.from({ length: 5 }, () => ['d', 'e', 'f']).flat();
    // Six hours apart: the first three have faded to a few percent when the others have come a few times.
    const { hits } = replay(traceOf([...before, ...after, ...after, ...after], { apart: 6 * 3600 }), {
      ...plain,
      policy: heat,
    });
    expect(hits).toBeGreaterThan(12 + 20);
  });

  test('knowing the future, nothing that knows only the past hits more, for files of one size', () => {
    fc.assert(
      fc.property(reads, fc.constantFrom(heat, lru, lfu), fc.integer({ min: 1, max: 5 }), (list, policy, files) => {
        const trace = traceOf(list);
        const capacity = 100 * files;
        const { hits } = replay(trace, { capacity, coldRatio: null, policy });
        expect(replay(trace, { capacity, coldRatio: null, policy: best }).hits).toBeGreaterThanOrEqual(hits);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a replay with a cold tier', () => {
  const cold = { capacity: 1000, coldRatio: () => 2, restoreSpeed: 1e9 };
  const nine = [...'abcdefghi'];

  test('holds more files, and hits those that would have left', () => {
    const round = Array.from({ length: 22 }, (_, k) => `file${k}`);
    const trace = traceOf([...round, ...round, ...round]);
    const without = replay(trace, { capacity: 2000, coldRatio: null, policy: lru });
    const withCold = replay(trace, { capacity: 2000, coldRatio: () => 2, policy: lru });
    expect(without.hits).toBe(0);
    expect(withCold.hits).toBe(44);
    expect(withCold.coldHits).toBeGreaterThan(0);
  });

  test('takes the time of restoring off what it saves', () => {
    const trace = traceOf([...nine, 'a']);
    const { coldHits, secondsSaved } = replay(trace, { ...cold, policy: lru });
    expect(coldHits).toBe(1);
    expect(secondsSaved).toBeCloseTo(100 / 150e6 - 100 / 2e9 - 100 / 1e9, 15);
  });

  test('leaves alone what would save less than a tenth, and what its source gives as fast', () => {
    const list = [...nine, 'a'];
    expect(replay(traceOf(list), { ...cold, policy: lru }).coldHits).toBe(1);
    for (const [trace, coldRatio] of [
      [traceOf(list), () => 1.1],
      [traceOf(list, { tier: 'nas10g' }), () => 2],
    ] as const) {
      const outcome = replay(trace, { ...cold, coldRatio, policy: lru });
      expect(outcome).toEqual(replay(trace, { ...cold, coldRatio: null, policy: lru }));
    }
  });

  test('never loses a read that the same cache would hit if it were as large as all files', () => {
    fc.assert(
      fc.property(reads, fc.constantFrom(heat, lru, lfu), (list, policy) => {
        const trace = traceOf(list);
        const { hits, reads: all } = replay(trace, { capacity: 10_000, coldRatio: () => 2, policy });
        expect(hits).toBe(all - new Set(list).size);
      }),
    );
  });
});

describe('hosts of one trace', () => {
  /** Reads an hour apart, `host:file`. */
  const farmOf = (list: string[]): Trace => {
    const lines = list.map((one, k) => `${k * 3600},${one.slice(2)},100,hdd,${one[0]}`);
    return parseTrace('farm', ['ts,file,size,tier,node', ...lines].join('\n'));
  };
  const options = { capacity: 300, coldRatio: null, policy: heat };

  test('know what the others have wanted: what they want stays, of files that are wanted equally here', () => {
    const elsewhere = Array.from({ length: 10 }, () => ['2:a', '2:b', '2:c']).flat();
    const here = ['1:a', '1:b', '1:c', '1:x', '1:y', '1:z', '1:x', '1:y', '1:z'];
    const last = ['1:a', '1:b', '1:c'];
    const [farm] = [farmOf([...elsewhere, ...here, ...last])];
    const alone = farmOf([...here, ...last]);
    expect(replay(farm, options).hits - 27).toBeGreaterThan(replay(alone, options).hits);
  });

  test('know nothing of the future of the others', () => {
    const reads = fc.array(
      fc.constantFrom(...'12'.split('').flatMap((host) => [...'abcdefgh'].map((file) => `${host}:${file}`))),
      {
        minLength: 1,
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(reads, reads, (before, after) => {
        const whole = farmOf([...before, ...after]);
        const later = replay(whole, { ...options, from: before.length * 3600 }).hits;
        // Both hosts are in the trace from the start, with reads or without.
        const { hosts } = farmOf(before);
        const cut = { ...whole, hosts: whole.hosts.map((host) => host.filter(({ at }) => at < before.length * 3600)) };
        expect(hosts.length).toBeLessThanOrEqual(cut.hosts.length);
        expect(replay(whole, options).hits - later).toBe(replay(cut, options).hits);
      }),
    );
  });

  test('are each alone in a trace of one host, and under policies that count no wishes', () => {
    fc.assert(
      fc.property(reads, reads, (one, other) => {
        const both = farmOf([...one.map((file) => `1:${file}`), ...other.map((file) => `2:${file}`)]);
        const alone = both.hosts.map((host) => replay({ ...both, hosts: [host] }, { ...options, policy: lru }).hits);
        expect(replay(both, { ...options, policy: lru }).hits).toBe(alone.reduce((sum, hits) => sum + hits, 0));
      }),
    );
  });
});
