import { describe, expect, test, vi } from 'vitest';
import type { Asker } from '../../src/memo/asker.ts';
import { soon } from '../helpers/patience.ts';
import { createMemo, keyOf } from './memo-rig.ts';

const minute = 60_000;
const nobody: Asker = { pid: null, leaseMs: minute, waits: { onGone: () => () => {} }, holds: { onGone: () => () => {} } };

describe('the life of a result', () => {
  test('fresh, then stale, then gone; never longer than told, and at most 5 % shorter', async () => {
    const { put, get, clock } = createMemo();
    await put(keyOf(1), 'x', { ttlMs: 100 * minute, staleMs: 10 * minute });
    clock.advance(94 * minute);
    expect(await get(keyOf(1))).toMatchObject({ state: 'hit', ageMs: 94 * minute });
    clock.advance(6 * minute);
    expect((await get(keyOf(1))).state).toBe('stale');
    clock.advance(10 * minute);
    expect((await get(keyOf(1))).state).toBe('miss');
  });

  test('what was stored together does not end together', async () => {
    const { put, memo } = createMemo();
    for (let index = 0; index < 50; index += 1) await put(keyOf(index), 'x', { ttlMs: 100 * minute });
    const { entries } = memo.manage.list({}, { sort: 'age', limit: 100, offset: 0 });
    expect(new Set(entries.map(({ freshForMs }) => freshForMs)).size).toBeGreaterThan(25);
  });

  test('without end only when that is said', async () => {
    const { put, get, clock, world } = createMemo();
    await put(keyOf(1), 'x', { ttlMs: null });
    await put(keyOf(2), 'x');
    clock.advance(8 * 24 * 60 * minute);
    expect((await get(keyOf(1))).state).toBe('hit');
    expect((await get(keyOf(2))).state).toBe('miss');
    world.ttlMs = null;
    await put(keyOf(2), 'x');
    clock.advance(1000 * 24 * 60 * minute);
    expect((await get(keyOf(2))).state).toBe('hit');
  });

  test('a stale result is served at once, and one asker refreshes it', async () => {
    const { put, memo, clock, get } = createMemo();
    await put(keyOf(1), 'old', { ttlMs: minute, staleMs: 60 * minute });
    clock.advance(2 * minute);
    const question = { ns: 'n', key: keyOf(1), as: 'value' as const };
    const takes = await Promise.all(Array.from({ length: 10 }, async () => JSON.parse(await memo.take(question, nobody, 0))));
    expect(takes.every(({ state, value }) => state === 'stale' && value === 'old')).toBe(true);
    const leases = takes.flatMap(({ refresh = [] }) => refresh);
    expect(leases).toHaveLength(1);
    await put(keyOf(1), 'new', { lease: leases[0] });
    expect(await get(keyOf(1))).toMatchObject({ state: 'hit', value: 'new' });
  });

  test('a clock that was set back makes no negative age', async () => {
    const { put, get, clock } = createMemo();
    await put(keyOf(1), 'x');
    clock.setWall(clock.now() - 60 * minute);
    expect(await get(keyOf(1))).toMatchObject({ state: 'hit', ageMs: 0 });
  });

  test('a negative result is kept only where its namespace says so, and not longer', async () => {
    const { put, get, memo, clock } = createMemo();
    expect(await put(keyOf(1), null, { negative: true })).toMatchObject({ stored: false, reason: 'NEGATIVE' });
    await memo.manage.change('n', (before) => ({ ...before, settings: { negativeTtlMs: minute } }));
    expect(await put(keyOf(1), null, { negative: true, ttlMs: 60 * minute, staleMs: minute })).toMatchObject({ stored: true });
    expect((await get(keyOf(1))).state).toBe('hit');
    clock.advance(minute);
    expect((await get(keyOf(1))).state).toBe('miss');
  });
});

describe('invalidation', () => {
  test('by tag, by age, and all conditions must hold', async () => {
    const { put, get, memo, clock } = createMemo();
    await put(keyOf(1), 1, { tags: ['model:a', 'x'] });
    clock.advance(10 * minute);
    await put(keyOf(2), 2, { tags: ['model:a'] });
    await put(keyOf(3), 3, { tags: ['model:b'] });
    const before = clock.now() - minute;
    expect(await memo.manage.invalidate({ tags: ['model:a'], before }, { dryRun: true })).toEqual({ removed: 1, bytes: 1 });
    expect((await get(keyOf(1))).state).toBe('hit');
    expect(await memo.manage.invalidate({ tags: ['model:a'] }, { dryRun: false })).toMatchObject({ removed: 2 });
    expect((await get(keyOf(2))).state).toBe('miss');
    expect((await get(keyOf(3))).state).toBe('hit');
  });

  test('of a whole namespace begins an epoch: it holds at once, and the others stay', async () => {
    const { put, get, memo } = createMemo();
    for (let index = 0; index < 600; index += 1) await put(keyOf(index), index);
    await put(keyOf(1), 'mine', { ns: 'm' });
    const removing = memo.manage.invalidate({ ns: 'n' }, { dryRun: false });
    expect((await get(keyOf(599))).state).toBe('miss');
    expect(await removing).toMatchObject({ removed: 600 });
    expect((await get(keyOf(1), 'm')).value).toBe('mine');
    expect(memo.manage.namespaces()).toMatchObject([
      { name: 'm', items: 1 },
      { name: 'n', epoch: 1, items: 0 },
    ]);
    await put(keyOf(1), 'again');
    expect((await get(keyOf(1))).value).toBe('again');
  });

  test.each([{ ns: 'n' }, {}, { keys: [keyOf(1)] }])(
    'holds for what is being computed, too, also when nothing of its namespace is stored: %j',
    async (filter) => {
      const { put, get, memo } = createMemo();
      const question = { ns: 'n', key: keyOf(1), as: 'value' as const };
      const { lease } = JSON.parse(await memo.take(question, nobody, 0));
      await memo.manage.invalidate(filter, { dryRun: false });
      expect(await put(keyOf(1), 'of before', { lease })).toMatchObject({ stored: false, reason: 'INVALIDATED' });
      expect((await get(keyOf(1))).state).toBe('miss');
    },
  );
});

test('an invalidation fails while the results cannot be reached: they would be served later', async () => {
  const { put, get, memo, world, events } = createMemo();
  await put(keyOf(1), 'of before');
  world.state = 'away';
  events.emit('cache-disk', { dir: '/cache', state: 'away' });
  const clear = (dryRun: boolean) => memo.manage.invalidate({ ns: 'n' }, { dryRun });
  await expect(clear(false)).rejects.toMatchObject({ code: 'CACHE_AWAY', hint: expect.any(String) });
  expect(await clear(true)).toMatchObject({ removed: 0 });
  world.state = 'here';
  events.emit('cache-disk', { dir: '/cache', state: 'here' });
  expect(await get(keyOf(1))).toMatchObject({ state: 'hit' });
  expect(await clear(false)).toMatchObject({ removed: 1 });
});

test('a namespace that was only cleared, as by a mistyped name, is not listed', async () => {
  const { memo } = createMemo();
  await memo.manage.invalidate({ ns: 'shp' }, { dryRun: false });
  expect(memo.manage.namespaces()).toEqual([]);
  expect(await memo.manage.change('m', (before) => ({ ...before, settings: {} }))).toMatchObject({ name: 'm', items: 0 });
  await memo.manage.change('m', (before) => ({ ...before, version: '2' }));
  expect(memo.manage.namespaces()).toMatchObject([{ name: 'm', version: '2' }]);
});

describe('results that came from files', () => {
  const file = (mtimeNs: string) => ({ size: 10, mtimeNs, ctimeNs: mtimeNs, ino: '7' });

  test('leave when the daemon sees a source replaced', async () => {
    const { put, get, world, events, memo } = createMemo();
    world.files.set('/models/a', file('1'));
    await put(keyOf(1), 'x', { deps: ['file:/models/a'] });
    await put(keyOf(2), 'x', { deps: ['file:/models/b'] });
    events.emit('copy-stale', { entry: 1, path: '/models/a' });
    await vi.waitFor(() => expect(memo.manage.stats().current_items).toBe(1), soon());
    expect((await get(keyOf(1))).state).toBe('miss');
    expect((await get(keyOf(2))).state).toBe('hit');
  });

  test.each(['changed', 'deleted'])('are a miss when a file has been %s unseen', async (how) => {
    const { put, get, world, clock } = createMemo();
    world.files.set('/models/a', file('1'));
    await put(keyOf(1), 'x', { deps: ['file:/models/a'] });
    expect((await get(keyOf(1))).state).toBe('hit');
    world.files.set('/models/a', how === 'deleted' ? 'missing' : file('2'));
    clock.advance(minute);
    expect((await get(keyOf(1))).state).toBe('miss');
  });

  test('stay while the disk of a file does not answer; what was never known is computed again', async () => {
    const { put, get, world, clock } = createMemo();
    world.files.set('/models/a', file('1'));
    await put(keyOf(1), 'x', { deps: ['file:/models/a'] });
    await put(keyOf(2), 'x', { deps: ['file:/models/away'] });
    world.files.delete('/models/a');
    clock.advance(minute);
    expect((await get(keyOf(1))).state).toBe('hit');
    world.files.set('/models/away', file('1'));
    expect((await get(keyOf(2))).state).toBe('miss');
  });

  test('are not stored when one has changed while they were computed', async () => {
    const { put, get, world, clock, memo } = createMemo();
    const compute = async (index: number) => {
      const { lease } = JSON.parse(await memo.take({ ns: 'n', key: keyOf(index), as: 'value' }, nobody, 0));
      clock.advance(minute);
      return (more: object) => put(keyOf(index), 'of before', { deps: ['file:/models/a'], lease, ...more });
    };
    const at = (ms: number) => `${clock.now() + ms}000000`;
    world.files.set('/models/a', file(at(0)));
    expect(await (await compute(1))({})).toMatchObject({ stored: true });
    // Written anew; or a file with an older time was put in its place.
    for (const [index, time] of [
      [2, 'mtimeNs'],
      [3, 'ctimeNs'],
    ] as const) {
      const changedAt = at(1);
      const store = await compute(index);
      world.files.set('/models/a', { ...file('1'), [time]: changedAt });
      expect(await store({})).toMatchObject({ stored: false, reason: 'INVALIDATED' });
      expect((await get(keyOf(index))).state).toBe('miss');
    }
    expect(await put(keyOf(4), 'x', { deps: ['file:/models/a'], costMs: 2 * minute })).toMatchObject({ reason: 'INVALIDATED' });
    // The time of a computer whose clock is ahead says nothing.
    world.files.set('/models/a', file(at(minute * minute)));
    expect(await (await compute(5))({})).toMatchObject({ stored: true });
  });

  test('are explained', async () => {
    const { put, memo, world, clock } = createMemo();
    world.files.set('/models/a', file('1'));
    await put(keyOf(1), 'x', { deps: ['file:/models/a'], tags: ['t'], costMs: 5000 });
    expect(await memo.manage.explain('n', keyOf(1))).toMatchObject({
      state: 'hit',
      why: expect.stringContaining('fresh for'),
      entry: { tags: ['t'], costMs: 5000 },
      deps: [{ dep: 'file:/models/a', state: 'same' }],
    });
    world.files.set('/models/a', file('2'));
    clock.advance(minute);
    expect(await memo.manage.explain('n', keyOf(1))).toMatchObject({ state: 'miss', why: 'file:/models/a has changed since' });
    expect(await memo.manage.explain('n', keyOf(2))).toMatchObject({ state: 'miss', entry: null });
  });
});
