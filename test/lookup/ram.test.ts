import { rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { writeModel } from '../helpers/files.ts';
import { nextTurn } from '../helpers/lookup-rig.ts';
import { soon } from '../helpers/patience.ts';
import { createRamRig } from '../helpers/ram-rig.ts';

const size = 100_000;

async function arrange() {
  const rig = await createRamRig();
  return { rig, ...(await rig.inRam('checkpoints/a.safetensors', size)) };
}

test('the copy in memory comes before the one on the SSD', async () => {
  const { rig, path, copy } = await arrange();
  expect(await rig.ask(path)).toMatchObject({ path: copy, tier: 'ram', reason: 'HIT_RAM', leaseMs: 120_000 });
  expect(rig.leases.isLeased(copy)).toBe(true);
});

test('with the source away it is served too', async () => {
  const { rig, path, copy } = await arrange();
  rig.sources.away = 'unplugged';
  expect(await rig.ask(path)).toMatchObject({ path: copy, tier: 'ram', reason: 'HIT_OFFLINE' });
});

test.each([
  ['touched', (copy: string) => utimesSync(copy, 1, 1)],
  ['gone', (copy: string) => rmSync(copy)],
])('when it was %s the one on the SSD is served, and its row goes', async (_what, harm) => {
  const { rig, path, copy } = await arrange();
  harm(copy);
  expect(await rig.ask(path)).toMatchObject({ path: rig.placeOf(path), tier: 'ssd', reason: 'HIT' });
  await vi.waitUntil(() => rig.catalog.copies.byPath(copy) === undefined, soon());
  expect(rig.inMemoryNow()).toEqual([]);
});

test('when a loader would miss something beside it, the one on the SSD is served', async () => {
  const { rig, path } = await arrange();
  rig.planner.isComplete = (_path, tier) => tier === 'ssd';
  expect((await rig.ask(path)).reason).toBe('HIT');
  rig.planner.isComplete = () => false;
  expect((await rig.ask(path)).path).toBe(path);
});

test('of a source that was replaced neither is served, and the new copy on the SSD takes the one in memory out of service', async () => {
  const { rig, path, copy } = await arrange();
  writeModel(path, size + 1);
  expect(await rig.ask(path)).toMatchObject({ path, reason: 'STALE' });
  await rig.copier.activeJob(path)?.ended;
  await nextTurn();
  expect(await rig.ask(path)).toMatchObject({ path: rig.placeOf(path), reason: 'HIT' });
  expect(rig.catalog.copies.byPath(copy)?.state).toBe('stale');
});

test('a copy on the SSD that was renewed without a lookup is served at once', async () => {
  const { rig, path, copy } = await arrange();
  writeModel(path, size + 1);
  await rig.copy(path);
  expect((await rig.ask(path)).reason).toBe('HIT');
  rig.sources.away = 'unplugged';
  expect(await rig.ask(path)).toMatchObject({ path: rig.placeOf(path), reason: 'HIT_OFFLINE' });
  expect(rig.catalog.copies.byPath(copy)?.state).toBe('stale');
});

test('programs that read the catalog see it only while it is in service', async () => {
  const { rig, path, copy } = await arrange();
  const Sqlite = (await import('better-sqlite3')).default;
  using db = Object.assign(new Sqlite(join(rig.dir, 'catalog.db'), { readonly: true }), {
    [Symbol.dispose]() {
      db.close();
    },
  });
  const seen = () => db.prepare('SELECT tier FROM resolver_v1 WHERE source_path = ? ORDER BY tier').pluck().all(path);
  expect(seen()).toEqual(['ram', 'ssd']);
  const row = rig.catalog.copies.byPath(copy);
  const entry = rig.catalog.entries.byPath(path);
  if (!row || !entry) throw new Error('it is not in the catalog');
  await rig.evictor.evict(row, entry, 'space');
  expect(seen()).toEqual(['ssd']);
});
