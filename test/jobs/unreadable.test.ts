import { rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test, vi } from 'vitest';
import { faultyMount, noMounts } from '../helpers/faulty-mount.ts';
import { fingerprintOf, writeModel } from '../helpers/files.ts';
import { createFaultyMount, noFaultyMount } from '../helpers/hanging-mount.ts';
import { createLookupRig } from '../helpers/lookup-rig.ts';
import { soon } from '../helpers/patience.ts';
import { createRig } from '../helpers/rig.ts';

/** A cache that is full of copies. */
async function fullCache() {
  const rig = createRig({ limit: 4000, workers: 'inline' });
  for (const name of ['a', 'b', 'c', 'd']) await rig.copy(rig.source(`loras/${name}.safetensors`, 1000).path);
  expect(rig.catalog.copies.inState('ready')).toHaveLength(4);
  return rig;
}

test.each<[string, (path: string) => void, string]>([
  ['has vanished', (path) => rmSync(path), 'SOURCE_MISSING'],
  ['is shorter than was told', (path) => truncateSync(path, 1500), 'SOURCE_CHANGED'],
])('no copy leaves for a source that %s, and it becomes no entry', async (_what, harm, code) => {
  const rig = await fullCache();
  const { path } = rig.source('loras/new.safetensors', 3000);
  const file = rig.file(path);
  harm(path);
  const job = rig.copier.request({ file, priority: 'prefetch', medium: 'hdd' });
  await job.ended;
  expect(job.error?.code).toBe(code);
  expect(rig.catalog.copies.inState('ready')).toHaveLength(4);
  expect(rig.catalog.entries.byPath(path)).toBeUndefined();
});

if (noFaultyMount) console.warn(`SKIPPED: a source whose reads fail (${noFaultyMount})`);

test.skipIf(noFaultyMount !== null).each([
  ['has an input/output error', 5, 'SOURCE_IO'],
  ['may not be read', 13, 'NOT_PERMITTED'],
])('no copy leaves for a source that %s', async (_what, errno, code) => {
  const rig = await fullCache();
  const mount = await createFaultyMount();
  const { path } = rig.source('loras/new.safetensors', 3000);
  const file = { ...rig.file(path), path: join(mount.path, 'new.safetensors'), root: mount.path, rel: 'new.safetensors' };
  rmSync(path);
  writeModel(join(mount.source, 'new.safetensors'), 3000);
  mount.behave(errno);
  const job = rig.copier.request({
    file: { ...file, fingerprint: fingerprintOf(join(mount.source, 'new.safetensors')) },
    priority: 'prefetch',
    medium: 'hdd',
  });
  await job.ended;
  expect(mount.fired()).toBeGreaterThan(0);
  expect(job.error?.code).toBe(code);
  expect(rig.catalog.copies.inState('ready')).toHaveLength(4);
});

test('what an asker says of a file takes no copy out of service before the daemon has seen it', async () => {
  const rig = createLookupRig();
  const { path } = rig.source('loras/a.safetensors', 2000);
  await rig.copy(path);
  const copy = rig.placeOf(path);
  expect(await rig.ask(path, { size: 1999, mtimeNs: '1' })).toMatchObject({ path, reason: 'STALE' });
  await rig.copier.activeJob(path)?.ended;
  expect(rig.catalog.copies.byPath(copy)?.state).toBe('ready');
  expect(await rig.ask(path)).toMatchObject({ path: copy, reason: 'HIT' });
  // It was replaced for once.
  rig.source('loras/a.safetensors', 3000);
  const { size, mtimeNs } = rig.file(path).fingerprint;
  expect(await rig.ask(path, { size, mtimeNs })).toMatchObject({ path, reason: 'STALE' });
  await vi.waitFor(async () => expect(await rig.ask(path)).toMatchObject({ path: copy, reason: 'HIT' }), soon());
  expect(statSync(copy).size).toBe(3000);
});

describe.skipIf(noMounts !== null)('a source with an input/output error', () => {
  const MiB = 1024 * 1024;

  /** A cache that four copies nearly fill, and a source that needs the room of most. */
  async function arrange({ skip }: TestContext, badFrom: number) {
    const rig = createRig({ limit: 24 * MiB });
    const backing = join(rig.dir, 'backing', 'big.safetensors');
    writeModel(backing, 20 * MiB);
    const mount = await faultyMount(backing, join(rig.root, 'checkpoints'), badFrom);
    if (mount.refused !== null) skip(mount.refused);
    const fill = async () => {
      for (const name of ['a', 'b', 'c', 'd']) await rig.copy(rig.source(`loras/${name}.safetensors`, 4 * MiB).path);
      expect(ready()).toBe(4);
    };
    const ready = () => rig.catalog.copies.inState('ready').length;
    const request = async () => {
      const job = rig.request(mount.path, 'prefetch');
      await job.ended;
      return job.error?.code;
    };
    await fill();
    return { rig, mount, fill, ready, request };
  }

  test('at its end makes no room', async (context) => {
    const { mount, ready, request } = await arrange(context, 19.5 * MiB);
    mount.fail('eio');
    expect(await request()).toBe('SOURCE_IO');
    expect(ready()).toBe(4);
  });

  test('at its half makes no room', { tags: 'slow' }, async (context) => {
    const { mount, ready, request } = await arrange(context, 10 * MiB);
    mount.fail('eio-part');
    expect(await request()).toBe('SOURCE_IO');
    expect(ready()).toBe(4);
  });

  test('between its samples makes room once, and not again before it was read', { tags: 'slow' }, async (context) => {
    const { rig, mount, fill, ready, request } = await arrange(context, 9 * MiB);
    mount.fail('eio-part');
    // Its samples can be read: its copy finds out.
    expect(await request()).toBe('SOURCE_IO');
    expect(ready()).toBeLessThan(4);
    for (const copy of rig.catalog.copies.inState('copying')) rig.catalog.copies.forget(copy.id);
    await fill();
    expect(await request()).toBe('SOURCE_IO');
    expect(ready()).toBe(4);
    mount.heal();
    expect(await request()).toBeUndefined();
    expect(ready()).toBeLessThan(4);
  });
});
