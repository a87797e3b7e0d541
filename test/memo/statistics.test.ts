import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { MemoTotals } from '../../src/api/memo.ts';
import type { Asker } from '../../src/memo/asker.ts';
import type { AskedText } from '../../src/memo/similar/asked-text.ts';
import { slowTests } from '../helpers/slow.ts';
import { createMemo, keyOf } from './memo-rig.ts';

const minute = 60_000;
/** Each step takes so long: what was handed out is free again, and no age is within the 5 % by which lifetimes differ. */
const stepMs = 10 * minute;
const times = { ttlMs: 65 * minute, staleMs: 40 * minute };
const most = { items: 8, bytes: 60_000 };
const there: Asker['waits'] = { onGone: () => () => {} };
const asker: Asker = { pid: null, leaseMs: 1e9, waits: there, holds: there };

interface Kept {
  value: string;
  bytes: number;
  costMs: number;
  age: number;
  lasts: boolean;
}

const key = fc.integer({ min: 0, max: 11 });
const size = fc.oneof(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 20_000 }));
/** Quarters of a second: their sums are exact. */
const costMs = fc.integer({ min: 1, max: 400 }).map((quarters) => 250 * quarters);
const operation = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('ask in other words' as const), key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), key, size, costMs, lasts: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('take' as const),
      key,
      size,
      waiters: fc.integer({ min: 0, max: 2 }),
      ends: fc.constantFrom('put', 'fail', 'dissolve', 'late', 'late and other'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('refused' as const), key, why: fc.constantFrom('cheap', 'large', 'negative') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('invalidate' as const), keys: fc.uniqueArray(key, { maxLength: 3 }) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer One> ? One : never;

/** What the figures must be, counted by what was done and answered. It shares nothing with the code but the questions. */
class Model {
  readonly kept = new Map<number, Kept>();
  readonly totals: MemoTotals = {
    ...{ hits: 0, stale: 0, misses: 0, coalesced: 0, stores: 0, rejected: 0, evictions: 0, disagreements: 0, alike: 0 },
    ...{ bytesIn: 0, bytesOut: 0, secondsSaved: 0 },
  };

  add(part: Partial<MemoTotals>): void {
    for (const [name, value] of Object.entries(part) as [keyof MemoTotals, number][]) this.totals[name] += value;
  }

  state(of: number): 'hit' | 'stale' | 'miss' {
    const one = this.kept.get(of);
    if (!one || isOver(one)) return 'miss';
    return one.lasts || one.age < times.ttlMs ? 'hit' : 'stale';
  }

  found(of: number): void {
    const { bytes = 0, costMs: saved = 0 } = this.kept.get(of) ?? {};
    this.add({ hits: 1, stale: this.state(of) === 'stale' ? 1 : 0, bytesOut: bytes, secondsSaved: saved / 1000 });
  }

  stored(of: number, value: string, { costMs: cost, lasts }: { costMs: number; lasts: boolean }): void {
    const bytes = value.length + 2;
    this.add({ stores: 1, bytesIn: bytes });
    this.kept.set(of, { value, bytes, costMs: cost, age: 0, lasts });
  }

  /** A step of time. */
  grow(): void {
    for (const one of this.kept.values()) one.age += stepMs;
  }

  /** Those that are there after a step; others have left, and only a step that had no room for all may have made them leave. */
  seen(keys: ReadonlySet<number>, isShort: boolean): void {
    for (const [of, one] of this.kept) {
      if (keys.has(of)) continue;
      if (!isOver(one)) {
        expect(isShort).toBe(true);
        this.add({ evictions: 1 });
      }
      this.kept.delete(of);
    }
    expect([...keys].filter((of) => !this.kept.has(of))).toEqual([]);
  }

  sum(): { items: number; bytes: number } {
    return { items: this.kept.size, bytes: [...this.kept.values()].reduce((sum, { bytes }) => sum + bytes, 0) };
  }
}

function isOver({ lasts, age }: Kept): boolean {
  return !lasts && age >= times.ttlMs + times.staleMs;
}

/** The text of a key. */
function askedOf(of: number, word = 'text'): AskedText {
  return { text: `${word} ${of}`, scope: keyOf(0) };
}

/** Does one step to the results and to the model. */
async function run({ memo, get, put, clock }: ReturnType<typeof createMemo>, model: Model, step: Operation, nth: number) {
  const question = (of: number) => ({ ns: 'n', key: keyOf(of), as: 'value' as const });
  const textOf = (letters: number) => `${nth} ${'x'.repeat(letters)}`;
  switch (step.do) {
    case 'get': {
      const expected = model.state(step.key);
      const found = await get(keyOf(step.key));
      expect(found.state).toBe(expected);
      if (expected === 'miss') return model.add({ misses: 1 });
      expect(found.value).toBe(model.kept.get(step.key)?.value);
      return model.found(step.key);
    }
    case 'ask in other words': {
      const expected = model.state(step.key);
      const question = { ns: 'n', key: keyOf(1000 + step.key), as: 'value' as const, asked: askedOf(step.key, 'TEXT') };
      const found = JSON.parse(await memo.get(question));
      expect(found.state).toBe(expected);
      if (expected === 'miss') return model.add({ misses: 1 });
      expect(found.value).toBe(model.kept.get(step.key)?.value);
      model.add({ alike: 1 });
      return model.found(step.key);
    }
    case 'put': {
      const value = textOf(step.size);
      const told = step.lasts ? { ttlMs: null } : times;
      expect(await put(keyOf(step.key), value, { ...told, costMs: step.costMs, asked: askedOf(step.key) })).toMatchObject({
        stored: true,
      });
      return model.stored(step.key, value, step);
    }
    case 'refused': {
      const value = step.why === 'large' ? 'x'.repeat(2 ** 20) : 'x';
      const more = { cheap: { costMs: 5 }, large: {}, negative: { negative: true } }[step.why as 'cheap'];
      expect(await put(keyOf(step.key), value, more)).toMatchObject({ stored: false });
      return model.add({ rejected: 1 });
    }
    case 'invalidate': {
      await memo.manage.invalidate({ ns: 'n', keys: step.keys.map(keyOf) }, { dryRun: false });
      for (const of of step.keys) model.kept.delete(of);
      return;
    }
    case 'take': {
      const take = async () => JSON.parse(await memo.take(question(step.key), asker, 3_600_000));
      const expected = model.state(step.key);
      const { state, lease, refresh } = await take();
      expect(state).toBe(expected === 'miss' ? 'compute' : expected);
      if (expected !== 'miss') {
        model.found(step.key);
        if (refresh) memo.release(refresh, null);
        return;
      }
      model.add({ misses: 1 });
      const waiting = Array.from({ length: step.waiters }, take);
      while (memo.manage.stats().waiting < step.waiters) await nextTurn();
      clock.advance(stepMs);
      model.grow();
      const value = textOf(step.size);
      const told = { lease, ...times, asked: askedOf(step.key) };
      if (step.ends === 'fail') memo.release(lease, 'failed');
      else if (step.ends !== 'put') memo.dissolve(lease);
      if (step.ends === 'fail' || step.ends === 'dissolve')
        return void model.add({ misses: (await Promise.all(waiting)).length });
      expect(await put(keyOf(step.key), value, told)).toMatchObject({ stored: true });
      model.stored(step.key, value, { costMs: stepMs, lasts: false });
      await Promise.all(waiting);
      if (step.ends === 'put') return model.add({ hits: step.waiters, coalesced: step.waiters });
      model.add({ misses: step.waiters });
      if (step.ends !== 'late and other') return;
      expect(await put(keyOf(step.key), `${value}, other`, told)).toMatchObject({ reason: 'DISAGREES' });
      return model.add({ disagreements: 1 });
    }
  }
}

test('the figures are those of an independent model over thousands of random operations, and hold after a restart', async () => {
  const numRuns = slowTests ? 20 : 4;
  let done = 0;
  const happened = new Set<string>();
  const anyRun = fc.array(operation, { minLength: 500, maxLength: 500 });
  const property = fc.asyncProperty(anyRun, async (operations) => {
    const rig = createMemo({ ramBytes: 20_000 });
    Object.assign(rig.world, { items: most.items, limit: most.bytes });
    await rig.memo.manage.change('n', (before) => ({ ...before, settings: { semantic: { mode: 'normalise' } } }));
    const model = new Model();
    for (const [nth, step] of operations.entries()) {
      done += 1;
      const replaced = 'key' in step ? (model.kept.get(step.key)?.bytes ?? 0) : 0;
      await run(rig, model, step, nth);
      const { entries, total } = rig.memo.manage.list({}, { sort: 'age', limit: 100, offset: 0 });
      expect(total).toBe(entries.length);
      // What is replaced stays until the other one is there.
      const isPut = step.do === 'put' || step.do === 'take';
      const { items: wanted, bytes: wantedBytes } = model.sum();
      const isShort = isPut && (wanted > most.items || wantedBytes + replaced > most.bytes);
      model.seen(new Set(entries.map((entry) => Number.parseInt(entry.key, 16))), isShort);
      // Nobody sees whether an earlier result of the key left to make room, or when the other one was there.
      if (replaced > 0 && isShort)
        model.add({ evictions: Math.min(1, Math.max(0, rig.memo.manage.stats().evictions - model.totals.evictions)) });
      const { items, bytes } = model.sum();
      // The files of what left are removed behind the answer.
      await vi.waitFor(() => expect(rig.memo.manage.stats().bytes).toBe(bytes), { timeout: 60_000, interval: 1 });
      const looked = { current_items: items, bytes, computing: 0, waiting: 0 };
      expect(rig.memo.manage.stats()).toMatchObject({ ...model.totals, ...looked });
      rig.clock.advance(stepMs);
      model.grow();
    }
    await rig.memo[Symbol.asyncDispose]();
    expect(createMemo({ dir: rig.dir }).memo.manage.stats()).toMatchObject(model.totals);
    for (const [name, value] of Object.entries(model.totals)) if (value > 0) happened.add(name);
  });
  await fc.assert(property, { numRuns, endOnFailure: true });
  expect(done).toBe(500 * numRuns);
  expect([...happened].sort()).toEqual(Object.keys(new Model().totals).sort());
}, 300_000);
