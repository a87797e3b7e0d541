import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { createRig } from '../helpers/rig.ts';

const MiB = 2 ** 20;

test('a catalog that is replaced while a copy runs does not give that copy the row of another one', async () => {
  const rig = createRig({ workers: 'inline' });
  const { path, bytes } = rig.source('loras/a.safetensors', 64 * MiB);
  let other = 0;
  const unsubscribe = rig.events.subscribe((name) => {
    if (name !== 'job-progress' || other !== 0) return;
    expect(rig.catalog.replaceIfDamaged(new Sqlite.SqliteError('malformed', 'SQLITE_CORRUPT'))).toBe(true);
    const entry = rig.catalog.entries.put({ ...rig.file(path), path: `${path}.other`, rel: 'loras/other' });
    const at = rig.tier.placeOf(rig.root, 'loras/other').path;
    other = rig.catalog.copies.enter({ entryId: entry.id, tier: 'ssd', path: at, source: entry.fingerprint, bytes: 5 }).id;
  });
  const job = await rig.copy(path);
  unsubscribe();
  expect(job.error).toBeNull();
  expect(other).toBe(1);
  expect(rig.catalog.copies.byId(other)).toMatchObject({ state: 'copying', seal: null });
  const copy = rig.catalog.copies.byPath(rig.tier.placeOf(rig.root, 'loras/a.safetensors').path);
  expect(copy).toMatchObject({ state: 'ready', bytes: bytes.length });
});
