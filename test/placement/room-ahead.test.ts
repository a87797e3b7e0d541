import { expect, test } from 'vitest';
import { ManualClock } from '../helpers/manual-clock.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const KiB = 1024;
const day = 24 * 3600 * 1000;

async function copied(rig: Rig, names: string) {
  for (const name of names) {
    const { path } = rig.source(`loras/${name}.safetensors`, 100 * KiB);
    await rig.copy(path);
    rig.catalog.usage.used(rig.file(path));
    rig.catalog.usage.flush();
  }
}
const kept = (rig: Rig) =>
  rig.catalog.copies
    .inState('ready')
    .map(({ path }) => path.at(-'.safetensors'.length - 1))
    .join('');

test('above high water the least valuable copies leave down to low water, so that the next copy finds room', async () => {
  const rig = createRig({ workers: 'inline', limit: 1000 * KiB, water: { high: 900 * KiB, low: 700 * KiB } });
  await copied(rig, 'abcdefghi');
  await rig.roomAhead.look();
  expect(kept(rig)).toBe('abcdefghi');
  await copied(rig, 'j');
  expect(kept(rig)).toBe('abcdefghij');
  await rig.roomAhead.look();
  expect(kept(rig)).toBe('defghij');
});

test('it leaves alone what is pinned, though it stays above low water', async () => {
  const rig = createRig({ workers: 'inline', limit: 1000 * KiB, water: { high: 300 * KiB, low: 100 * KiB } });
  await copied(rig, 'abcd');
  for (const { entryId } of rig.catalog.copies.inState('ready').slice(0, 2)) rig.catalog.entries.setPinned(entryId, true);
  await rig.roomAhead.look();
  expect(kept(rig)).toBe('ab');
});

test('a copy that is worth less than those that would leave behind it is not made', async () => {
  const clock = new ManualClock();
  const facts = { now: () => clock.now(), habits: () => rig.catalog.entries.habits.get() };
  const water = { high: 350 * KiB, low: 300 * KiB };
  const rig: Rig = createRig({ workers: 'inline', limit: 1000 * KiB, water, policy: 'heat', clock, facts });
  for (let k = 0; k < 4; k++) {
    await copied(rig, 'abc');
    clock.advance(3_600_000);
  }
  await copied(rig, 'x');
  expect(kept(rig)).toBe('abc');
});

test('copies that no program has used for so long leave; those that are younger, used since, or pinned stay', async () => {
  const clock = new ManualClock();
  const rig = createRig({ workers: 'inline', clock, maxAgeMs: 30 * day });
  await copied(rig, 'abc');
  const [, used, pinned] = rig.catalog.copies.inState('ready');
  if (!used || !pinned) throw new Error('there are no copies');
  rig.catalog.entries.setPinned(pinned.entryId, true);
  clock.advance(20 * day);
  await rig.copy(rig.source('loras/y.safetensors', 100 * KiB).path);
  const file = rig.catalog.entries.byId(used.entryId);
  if (file) rig.catalog.usage.used(file);
  await rig.roomAhead.look();
  expect(kept(rig)).toBe('abcy');
  clock.advance(20 * day);
  await rig.roomAhead.look();
  expect(kept(rig)).toBe('bcy');
  expect(rig.seen).toContainEqual({ name: 'entry-evicted', event: expect.objectContaining({ why: 'unused' }) });
});
