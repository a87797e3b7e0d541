import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Client } from '../../src/cli/client.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';
import { createLoopDisk, noFatDisk } from '../helpers/loop-disk.ts';
import { soon } from '../helpers/patience.ts';

const size = 300_000;
const ask = (client: Client, path: string) => client.lookup({ path, purpose: 'load', waitMs: 0, client: { app: 'test' } });

if (noFatDisk) console.warn(`SKIPPED: a disk with FAT (${noFatDisk})`);

describe.skipIf(noFatDisk !== null)('a disk with FAT', () => {
  test('as the cache: its copies are adopted after a remount, which numbers the files anew, and none is lost or made again', async () => {
    const disk = createLoopDisk(64, 'fat');
    const names = ['a', 'b', 'c'].map((name) => `loras/${name}.safetensors`);
    const files = Object.fromEntries(names.map((name) => [name, size]));
    const rig = await runDaemon(files, { AUTOCACHE_DIR: join(disk.path, 'cache') });
    const paths = names.map((name) => join(rig.root, name));
    expect(await rig.client.warm({ paths, wait: true })).toMatchObject({ ready: 3 });
    await rig.client.pin({ paths: paths.slice(0, 1) });
    const copies = await Promise.all(paths.map(async (path) => (await ask(rig.client, path)).path));
    const numbers = copies.map((path) => statSync(path).ino);
    await rig.end();
    disk.unmount();
    disk.mount();
    // In another order than they were made in.
    for (const path of copies.toReversed()) statSync(path);
    expect(copies.map((path) => statSync(path).ino)).not.toEqual(numbers);

    await rig.restart();
    for (const [index, path] of paths.entries()) {
      const answer = await vi.waitFor(async () => {
        const found = await ask(rig.client, path);
        expect(found.reason).toBe('HIT');
        return found;
      }, soon());
      expect((await readFile(answer.path)).equals(rig.bytes[names[index] ?? ''] ?? Buffer.alloc(0))).toBe(true);
    }
    const { entries } = await rig.client.entries({ cached: true, sort: 'name' });
    expect(entries.map(({ path, pinned }) => [path, pinned])).toEqual(paths.map((path, index) => [path, index === 0]));
    const { bytesCopied, tiers } = await rig.client.stats();
    expect(bytesCopied).toBeLessThanOrEqual(3 * size);
    expect(tiers).toMatchObject([{ tier: 'ssd', files: 3, bytes: 3 * size, outside: 0 }]);
  });

  test('with models: one that is asked for in another case is the same entry, and its category is that of the folder', async () => {
    const disk = createLoopDisk(64, 'fat');
    const models = join(disk.path, 'models');
    const model = join(models, 'loras/Style.safetensors');
    writeModel(model, size);
    const rig = await runDaemon({}, { AUTOCACHE_ROOTS: `${models}=hdd` });
    const other = join(models, 'LORAS/STYLE.safetensors');
    expect(statSync(other).size).toBe(size);
    expect(await rig.client.warm({ paths: [other], wait: true })).toMatchObject({ ready: 1 });
    for (const path of [other, model]) expect(await ask(rig.client, path)).toMatchObject({ reason: 'HIT' });
    const one = { total: 1, entries: [{ path: model, category: 'loras', uses: 2 }] };
    await vi.waitFor(async () => expect(await rig.client.entries({})).toMatchObject(one), soon());
  });

  test('with models: a cache directory in the folder of models is refused, in whatever case it is named', async () => {
    const disk = createLoopDisk(64, 'fat');
    const models = join(disk.path, 'Models');
    writeModel(join(models, 'loras/Style.safetensors'), size);
    const settings = { AUTOCACHE_ROOTS: `${models}=hdd`, AUTOCACHE_DIR: join(disk.path, 'MODELS/cache') };
    await expect(runDaemon({}, settings)).rejects.toThrow(/lies inside|by another path/);
  });

  test('named twice as a folder of models, in another case each time, is one folder: its files are there once', async () => {
    const disk = createLoopDisk(64, 'fat');
    const models = join(disk.path, 'models');
    const model = join(models, 'loras/Style.safetensors');
    writeModel(model, size);
    const rig = await runDaemon({}, { AUTOCACHE_ROOTS: `${models}=hdd;${join(disk.path, 'MODELS')}=hdd;${models}/LoRAs=hdd` });
    const listed = async () => (await rig.client.stats()).roots.map(({ path }) => path);
    expect(await listed()).toEqual([models, join(models, 'loras')]);
    await rig.client.warm({ paths: [join(disk.path, 'MODELS/loras/style.safetensors')], wait: true });
    for (const path of [model, join(disk.path, 'MODELS/LORAS/Style.safetensors')])
      expect(await ask(rig.client, path)).toMatchObject({ reason: 'HIT' });
    expect(await rig.client.entries({})).toMatchObject({ total: 1 });
    expect((await rig.client.stats()).tiers).toMatchObject([{ files: 1, bytes: size }]);
  });
});
