import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { policies } from '../../src/policy/policies.ts';
import { type Means, means } from '../../src/replay/ahead.ts';
import { missSeconds, replay } from '../../src/replay/replay.ts';
import { aheadRatesOf, simulateAhead } from '../../src/replay/simulate-ahead.ts';
import { parseArrivals, parseTrace, type Trace } from '../../src/replay/trace.ts';

const GB = 1e9;
const day = 86_400;

/** Prompts, each `submitted started file...`; a file is 15 GB from a disk, which takes 100 s to read, and `file*` comes from memory. */
function traceOf(prompts: readonly string[], arrived: Trace['arrived'] = []): Trace {
  const lines = prompts.flatMap((prompt, run) => {
    const [submitted = '', started = '', ...files] = prompt.split(' ');
    return files.map((name) => {
      const file = name.replace('*', '');
      return `${started},${submitted},${run},${file},checkpoint,${15 * GB},hdd,${name.endsWith('*') ? 1 : 0}`;
    });
  });
  return { ...parseTrace('made', ['ts,submit_ts,run,file,kind,size,tier,ram_hit', ...lines].join('\n')), arrived };
}

function ahead(trace: Trace, by: readonly Means[], gigabytes = 1000) {
  return replay(trace, { capacity: gigabytes * GB, coldRatio: null, policy: policies.heat, ahead: new Set(by) });
}

const arrivals = (...births: number[]) =>
  parseArrivals(
    'made',
    ['file,kind,size,tier,birth', ...births.map((birth, k) => `new${k},lora,${15 * GB},hdd,${birth}`)].join('\n'),
  );

describe('a file of a prompt that waits', () => {
  test('is hit when its copy takes no longer than the prompt waits', () => {
    const made = (waits: number) => ahead(traceOf([`1000 ${1000 + waits} a`]), ['queue']);
    expect(made(99)).toMatchObject({ hits: 0, ahead: { copies: 0 } });
    expect(made(101)).toMatchObject({ hits: 1, ahead: { copies: 1, used: 1, bytes: 15 * GB } });
  });

  test('waits for its turn at the disk, behind programs that read from it', () => {
    // The load of a takes 100 s, and so does its copy; that of b another 100 s.
    const made = (started: number) => ahead(traceOf(['0 0 a', `10 ${started} b`]), ['queue']).hits;
    expect(made(299)).toBe(0);
    expect(made(301)).toBe(1);
  });

  test('is not copied when the program has it in memory, or the prompt before has it too', () => {
    expect(ahead(traceOf(['0 0 a*', '2000 2000 b']), ['queue'])).toMatchObject({ ahead: { copies: 0 } });
    expect(ahead(traceOf(['0 500 a', '1 1500 a']), ['queue'])).toMatchObject({ hits: 2, ahead: { copies: 1 } });
  });

  test('counts as wrong when nobody loads it', () => {
    const { ahead: made, writtenBytes } = ahead(traceOf(['0 500 a', '600 2000 b a*']), ['queue']);
    expect(made).toMatchObject({ copies: 2, used: 2 });
    expect(writtenBytes).toBe(30 * GB);
    expect(ahead(traceOf(['0 0 c', '600 2000 b*', '3000 3000 d']), ['queue']).ahead).toMatchObject({
      copies: 1,
      used: 0,
      usedBytes: 0,
    });
  });
});

describe('a new file', () => {
  const prompt = (at: number) => traceOf(['0 0 a', `${at} ${at} new0`], arrivals(1000));

  test('is hit when half a minute and the time of its copy have passed', () => {
    expect(ahead(prompt(1129), ['arrivals'])).toMatchObject({ hits: 0 });
    expect(ahead(prompt(1131), ['arrivals'])).toMatchObject({ hits: 1, ahead: { copies: 1, used: 1 } });
    expect(ahead(prompt(1131), ['queue', 'workflows'])).toMatchObject({ hits: 0 });
  });

  test('on a network is seen at the next walk of its root', () => {
    const far = arrivals(1000).map((read) => ({ ...read, sourceSpeed: 110e6 }));
    const hits = (at: number) => ahead({ ...prompt(at), arrived: far }, ['arrivals']).hits;
    expect(hits(1360)).toBe(0);
    expect(hits(1367)).toBe(1);
  });

  test('does not push out what is in use', () => {
    const used = Array.from({ length: 40 }, (_, k) => `${k * 7200} ${k * 7200} a`);
    const trace = traceOf([...used, `${41 * 7200} ${41 * 7200} a`], arrivals(40.5 * 7200));
    expect(ahead(trace, ['arrivals'], 20)).toMatchObject({ hits: 40, ahead: { copies: 0 } });
    const later = traceOf([...used, `${90 * day} ${90 * day} new0`], arrivals(90 * day - 7200));
    expect(ahead(later, ['arrivals'], 20)).toMatchObject({ ahead: { copies: 1, used: 1 } });
  });
});

test('the workflow that likely comes next is copied once the queue is quiet, into the room of what nobody wants', () => {
  // Two workflows in turns, of which the cache holds one.
  const turns = Array.from({ length: 60 }, (_, k) => `${k * 3000} ${k * 3000} ${k % 2 ? 'a' : 'b'}`);
  const { ahead: made } = ahead(traceOf(turns), ['workflows'], 40);
  expect(made).toMatchObject({ copies: 0 });
  const once = turns.map((turn, k) => (k % 2 ? `${turn} once${k}` : turn));
  expect(ahead(traceOf(once), ['workflows'], 31).hits).toBeGreaterThanOrEqual(56);
});

test('whatever comes: without copies ahead all is as before, and what is counted adds up', () => {
  const prompt = fc.tuple(fc.nat(400), fc.nat(300), fc.constantFrom(...'abcdefg'), fc.constantFrom('', '*'));
  fc.assert(
    fc.property(
      fc.array(prompt, { maxLength: 40 }),
      fc.subarray([...means]),
      fc.integer({ min: 1, max: 6 }),
      (list, by, files) => {
        let now = 0;
        const prompts = list.map(([gap, wait, file, memory]) => {
          now += gap + wait;
          return `${now - wait} ${now} ${file}${memory}`;
        });
        const trace = traceOf(prompts, arrivals(500, 900));
        const capacity = 15 * GB * files;
        const options = { capacity, coldRatio: null, policy: policies.heat };
        const { ahead: none, ...plain } = replay(trace, { ...options, ahead: new Set<Means>() });
        expect(plain).toEqual(replay(trace, options));
        expect(none).toEqual({ copies: 0, bytes: 0, used: 0, usedBytes: 0 });
        const { ahead: made, ...outcome } = replay(trace, { ...options, ahead: new Set(by) });
        expect(made?.used).toBeLessThanOrEqual(made?.copies ?? 0);
        expect(made?.usedBytes).toBe(15 * GB * (made?.used ?? 0));
        expect(outcome.writtenBytes).toBeGreaterThanOrEqual(made?.bytes ?? 0);
        expect(missSeconds(outcome)).toBeGreaterThanOrEqual(-1e-6);
      },
    ),
    { numRuns: 200 },
  );
});

test('each means is tried alone, and all together; shares are of the seconds that misses take without', async () => {
  const trace = traceOf(['0 0 a', '1100 1300 b', '5000 5000 new0'], arrivals(3000));
  const results = await simulateAhead([trace], { sizes: [{ share: 1 }], policies: ['heat'] });
  expect(results.map(({ by }) => by)).toEqual([['queue'], ['arrivals'], ['workflows'], [...means]]);
  const all = aheadRatesOf(results.slice(3));
  expect(all.removed).toBeCloseTo(2 / 3);
  expect(all).toMatchObject({ right: 1, wasted: 0, written: 1 });
});
