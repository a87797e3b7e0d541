import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Fingerprint } from '../../src/core/types.ts';
import type { Asker, Presence } from '../../src/memo/asker.ts';
import { soon } from '../helpers/patience.ts';
import { slowTests } from '../helpers/slow.ts';
import { createMemo, keyOf, MiB } from './memo-rig.ts';

/** A program that stays until it is told to go. */
function program(leaseMs = 60_000) {
  const ends = new EventEmitter();
  const presence: Presence = {
    onGone(gone) {
      ends.once('gone', gone);
      return () => void ends.off('gone', gone);
    },
  };
  const asker: Asker = { pid: null, leaseMs, waits: presence, holds: presence };
  return { asker, go: () => ends.emit('gone') };
}

function createTakers() {
  const rig = createMemo();
  const question = { ns: 'n', key: keyOf(1), as: 'value' as const };
  const take = async ({ asker } = program(), waitMs = 60_000) => JSON.parse(await rig.memo.take(question, asker, waitMs));
  return { ...rig, question, take };
}

describe('one computation for all who ask', () => {
  test('the first gets a lease, the others its result', async () => {
    const { take, put, memo } = createTakers();
    const { state, lease, leaseMs, fence } = await take();
    expect({ state, leaseMs }).toEqual({ state: 'compute', leaseMs: 60_000 });
    expect(fence).toBeGreaterThan(0);
    const others = Array.from({ length: 99 }, () => take());
    await vi.waitFor(() => expect(memo.manage.stats().waiting).toBe(99), soon());
    await put(keyOf(1), 'x', { lease });
    const answers = await Promise.all(others);
    expect(answers.every((answer) => answer.state === 'hit' && answer.value === 'x')).toBe(true);
    expect(memo.manage.stats()).toMatchObject({ misses: 1, hits: 99, coalesced: 99, stores: 1, computing: 0, waiting: 0 });
  });

  test('those who wait, and who comes while it is being stored, have the result before it is stored', async () => {
    const { take, put, memo, files } = createTakers();
    const { lease } = await take();
    const other = take();
    await vi.waitFor(() => expect(memo.manage.stats().waiting).toBe(1), soon());
    const slowDisk = Promise.withResolvers<Fingerprint>();
    files.set('/slow.safetensors', slowDisk.promise);
    const asked = vi.spyOn(files, 'get');
    const storing = put(keyOf(1), 'x', { lease, deps: ['file:/slow.safetensors'] });
    expect(await other).toMatchObject({ state: 'hit', value: 'x' });
    expect(await take(program(), 0)).toMatchObject({ state: 'hit', value: 'x' });
    expect(memo.manage.stats()).toMatchObject({ current_items: 0, computing: 1, waiting: 0 });
    await vi.waitFor(() => expect(asked).toHaveBeenCalledWith('/slow.safetensors'), soon());
    await memo.manage.invalidate({ ns: 'n', keys: [keyOf(1)] }, { dryRun: false });
    expect(await take(program(), 0)).toEqual({ state: 'timeout' });
    slowDisk.resolve({ size: 1, mtimeNs: '1', ctimeNs: '1', ino: '1' });
    expect(await storing).toMatchObject({ stored: false, reason: 'INVALIDATED' });
    expect(memo.manage.stats()).toMatchObject({ current_items: 0, computing: 0 });
  });

  test('a result that is not stored reaches those who wait all the same', async () => {
    const { take, put, memo } = createTakers();
    const { lease } = await take();
    const other = take();
    await vi.waitFor(() => expect(memo.manage.stats().waiting).toBe(1), soon());
    const value = 'x'.repeat(2 * MiB);
    expect(await put(keyOf(1), value, { lease })).toMatchObject({ stored: false, reason: 'TOO_LARGE' });
    const answer = await other;
    expect(answer.state).toBe('hit');
    expect(answer.value === value).toBe(true);
  });

  test('who does not wait is told so, and that is no miss', async () => {
    const { take, memo } = createTakers();
    await take();
    expect(await take(program(), 0)).toEqual({ state: 'timeout' });
    expect(memo.manage.stats()).toMatchObject({ misses: 1, hits: 0 });
    expect(await take(program(), 1)).toEqual({ state: 'timeout' });
    expect(memo.manage.stats()).toMatchObject({ misses: 2 });
  });

  test('a result that cannot be shared: all who wait compute, at once', async () => {
    const { take, memo } = createTakers();
    const { lease } = await take();
    const others = [take(), take(), take()];
    await vi.waitFor(() => expect(memo.manage.stats().waiting).toBe(3), soon());
    memo.dissolve(lease);
    expect((await Promise.all(others)).map(({ state }) => state)).toEqual(['timeout', 'timeout', 'timeout']);
    expect(memo.manage.stats()).toMatchObject({ computing: 0, waiting: 0 });
    expect((await take()).state).toBe('compute');
  });

  test.each(['its program ended', 'it was released', 'it was silent'])(
    'the lease passes to the oldest waiter when %s',
    async (why) => {
      const { take, memo } = createTakers();
      const holder = program(why === 'it was silent' ? 100 : 60_000);
      const { lease, fence } = await take(holder);
      const [second, third] = [take(), take()];
      await vi.waitFor(() => expect(memo.manage.stats().computing).toBe(1), soon());
      if (why === 'its program ended') holder.go();
      if (why === 'it was released') memo.release(lease, null);
      const next = await second;
      expect(next.state).toBe('compute');
      expect(next.fence).toBeGreaterThan(fence);
      expect(memo.manage.stats()).toMatchObject({ computing: 1, waiting: 1 });
      memo.release(next.lease, null);
      expect((await third).state).toBe('compute');
    },
  );

  test('a holder that renews keeps its lease', async () => {
    const { take, memo } = createTakers();
    const holder = program(400);
    const { lease } = await take(holder);
    const waiting = take(program(), 1500);
    const renewing = setInterval(() => memo.renew(lease, () => holder.asker.holds), 50);
    expect((await waiting).state).toBe('timeout');
    clearInterval(renewing);
  });

  test('an error is told to each waiter once, and nothing is kept', async () => {
    const { take, memo, get } = createTakers();
    const { lease } = await take();
    const others = [take(), take()];
    await vi.waitFor(() => expect(memo.manage.stats().waiting).toBe(2), soon());
    memo.release(lease, 'out of memory');
    const told = { state: 'error', error: 'out of memory', coalescedError: true };
    expect(await Promise.all(others)).toEqual([told, told]);
    expect((await get(keyOf(1))).state).toBe('miss');
    expect((await take()).state).toBe('compute');
  });

  test('a lost lease cannot be renewed; its late result is stored when there is none', async () => {
    const { take, memo, put, get } = createTakers();
    const holder = program();
    const { lease } = await take(holder);
    holder.go();
    expect(() => memo.renew(lease, () => holder.asker.holds)).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }));
    expect(await put(keyOf(1), 'late', { lease })).toMatchObject({ stored: true });
    expect(await get(keyOf(1))).toMatchObject({ value: 'late' });
  });

  test('a late result is compared with the one that is here', async () => {
    const { take, put, get, memo } = createTakers();
    const holder = program();
    const { lease } = await take(holder);
    holder.go();
    const { lease: next } = await take();
    await put(keyOf(1), { a: 1, b: [2] }, { lease: next });
    const same = { given: { value: '{"b": [2.0], "a": 1}' }, lease };
    expect(await put(keyOf(1), null, same)).toMatchObject({ stored: true });
    expect(await put(keyOf(1), 'other', { lease })).toMatchObject({ stored: false, reason: 'DISAGREES' });
    expect(memo.manage.stats().disagreements).toBe(1);
    expect((await get(keyOf(1))).value).toEqual({ a: 1, b: [2] });
  });

  test('a lease of another key, and one that never was, are refused', async () => {
    const { take, put } = createTakers();
    const { lease } = await take();
    await expect(put(keyOf(2), 'x', { lease })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(put(keyOf(1), 'x', { lease: 'made up' })).rejects.toMatchObject({ code: 'LEASE_LOST' });
  });

  test('who hangs up leaves the line', async () => {
    const { take, memo } = createTakers();
    const { lease } = await take();
    const gone = program();
    const [first, second] = [take(gone), take()];
    await vi.waitFor(() => expect(memo.manage.stats().waiting).toBe(2), soon());
    gone.go();
    expect((await first).state).toBe('timeout');
    memo.release(lease, null);
    expect((await second).state).toBe('compute');
  });

  test('off, nobody waits', async () => {
    const { take, world } = createTakers();
    world.mode = 'off';
    expect(await take()).toEqual({ state: 'timeout' });
    expect(await take()).toEqual({ state: 'timeout' });
  });

  test('there is never a second holder, and nobody waits for ever', async () => {
    const step = fc.constantFrom('take', 'take', 'take', 'put', 'release', 'fail', 'end', 'forget');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const { take, memo, put } = createTakers();
        const held = new Map<string, { go: () => void }>();
        const open: Promise<unknown>[] = [];
        const settle = () => new Promise((resolve) => setTimeout(resolve, 1));
        for (const one of steps) {
          const [[lease, holder] = []] = held;
          if (one === 'take') {
            const taker = program();
            open.push(
              take(taker).then((answer) => {
                if (answer.state === 'compute') held.set(answer.lease, taker);
              }),
            );
          } else if (lease && holder) {
            held.delete(lease);
            if (one === 'put') await put(keyOf(1), 'x', { lease });
            else if (one === 'release') memo.release(lease, null);
            else if (one === 'fail') memo.release(lease, 'failed');
            else if (one === 'end') holder.go();
            else held.set(lease, holder);
          } else if (one === 'forget') await memo.manage.invalidate({ ns: 'n', keys: [keyOf(1)] }, { dryRun: false });
          await settle();
          expect(held.size).toBeLessThanOrEqual(1);
          expect(memo.manage.stats().computing).toBe(held.size);
        }
        // Without a holder nobody waits.
        for (let rounds = 0; held.size > 0 && rounds < 100; rounds += 1) {
          const [[lease] = []] = held;
          held.delete(lease ?? '');
          memo.release(lease ?? '', null);
          await settle();
        }
        expect(memo.manage.stats().waiting).toBe(0);
        await Promise.all(open);
        await memo[Symbol.asyncDispose]();
      }),
      { numRuns: slowTests ? 30 : 10 },
    );
  });
});
