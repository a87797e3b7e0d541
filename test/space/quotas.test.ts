import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lru } from '../../src/policy/lru.ts';
import { trim } from '../../src/space/make-room.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const KiB = 1024;
const bytesOf = (rig: Rig, category: string) => rig.catalog.placements.usedByCategory('ssd', category);
const names = (rig: Rig) =>
  rig.catalog.copies
    .inState('ready')
    .map(({ path }) => path.split(/[\\/]/).at(-1)?.[0])
    .join('');

async function copied(rig: Rig, rel: string, size: number) {
  const { path } = rig.source(rel, size);
  const job = await rig.copy(path);
  rig.catalog.usage.used(rig.file(path));
  rig.catalog.usage.flush();
  return job;
}

test('a category over its quota makes room among its own copies; those of others stay', async () => {
  const rig = createRig({ workers: 'inline', quotas: new Map([['loras', 250 * KiB]]) });
  await copied(rig, 'vae/v.safetensors', 100 * KiB);
  for (const name of ['a', 'b', 'c', 'd']) await copied(rig, `loras/${name}.safetensors`, 100 * KiB);
  expect(names(rig)).toBe('vcd');
});

test('a file larger than the quota of its category is not copied, and nothing leaves for it', async () => {
  const rig = createRig({ workers: 'inline', quotas: new Map([['loras', 150 * KiB]]) });
  await copied(rig, 'loras/a.safetensors', 100 * KiB);
  const job = await copied(rig, 'loras/b.safetensors', 200 * KiB);
  expect(job.error).toMatchObject({ code: 'TOO_LARGE', message: expect.stringContaining('quota of loras') });
  expect(names(rig)).toBe('a');
});

test('copies over a lowered quota leave when the tier is trimmed, pinned ones do not', async () => {
  const quotas = new Map<string, number>();
  const rig = createRig({ workers: 'inline', quotas });
  for (const name of ['a', 'b', 'c', 'd']) await copied(rig, `loras/${name}.safetensors`, 100 * KiB);
  await copied(rig, 'vae/v.safetensors', 100 * KiB);
  const [first] = rig.catalog.copies.inState('ready');
  if (first) rig.catalog.entries.setPinned(first.entryId, true);
  quotas.set('loras', 210 * KiB);
  const deps = { ...rig, bound: () => rig.bound, policy: () => lru, quotas: () => quotas, outstanding: () => 0 };
  await trim(deps, rig.tier);
  expect(names(rig)).toBe('adv');
});

const copies = fc.array(
  fc.record({
    category: fc.constantFrom('loras', 'vae', 'checkpoints'),
    name: fc.constantFrom(...'abcdefgh'),
    size: fc.integer({ min: 1, max: 60 }),
    pinned: fc.boolean(),
  }),
  { minLength: 5, maxLength: 25 },
);

test('whatever is copied, limit and quotas hold, what is pinned stays, and a quota makes no other category leave', async () => {
  let [full, over] = [0, 0];
  await fc.assert(
    fc.asyncProperty(copies, fc.constantFrom('heat', 'lru', 'lfu', 'adaptive'), async (list, policy) => {
      const quotas = new Map([
        ['loras', 100 * KiB],
        ['vae', 80 * KiB],
      ]);
      const rig = createRig({ workers: 'inline', limit: 250 * KiB, quotas, policy });
      for (const { category, name, size, pinned } of list) {
        const before = rig.catalog.copies.inState('ready');
        const used = rig.catalog.placements.usedUnderLimit('ssd');
        const stay = before.filter(({ entryId }) => rig.catalog.entries.byId(entryId)?.pinned);
        await copied(rig, `${category}/${name}.safetensors`, size * KiB);
        const after = new Set(rig.catalog.copies.inState('ready').map(({ entryId }) => entryId));
        const left = before.filter(({ entryId }) => !after.has(entryId));
        const isFull = used + size * KiB > 250 * KiB;
        if (isFull) full += 1;
        else if (left.length > 0) over += 1;
        const strangers = left.filter(({ entryId }) => rig.catalog.entries.byId(entryId)?.category !== category);
        if (!isFull) expect(strangers).toEqual([]);
        expect(rig.catalog.placements.usedUnderLimit('ssd')).toBeLessThanOrEqual(250 * KiB);
        for (const [of, most] of quotas) expect(bytesOf(rig, of)).toBeLessThanOrEqual(most);
        for (const { entryId } of stay) expect(after).toContain(entryId);
        const entry = rig.catalog.entries.byName(category, `${category}/${name}.safetensors`)[0];
        if (pinned && entry && bytesOf(rig, category) < 50 * KiB) rig.catalog.entries.setPinned(entry.id, true);
      }
      await rig.opened[Symbol.asyncDispose]();
    }),
    { numRuns: 12 },
  );
  // Both happened: room was made for the limit, and for a quota alone.
  expect(Math.min(full, over)).toBeGreaterThan(0);
});
