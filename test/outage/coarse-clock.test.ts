import { statSync } from 'node:fs';
import { open, readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { posixDriver } from '../../src/sources/drivers/posix/posix-driver.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { fingerprintOf, writeModel } from '../helpers/files.ts';
import { createLoopDisk, noLoopDisk } from '../helpers/loop-disk.ts';
import { patience, soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const size = 300_000;

if (noLoopDisk) console.warn(`SKIPPED: a disk that keeps whole seconds (${noLoopDisk})`);

/** Writes other bytes of the same size into a model. @returns the whole */
async function overwrite(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  bytes.fill(~(bytes.at(-1) ?? 0), size - 1000);
  const file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, 0);
  await file.close();
  return bytes;
}

describe('a model that is written again within a step of its disk’s clock', { timeout: patience(30_000) }, () => {
  test.skipIf(noLoopDisk !== null)('is served as it is now, when its time and size are as before', async () => {
    const root = join(createLoopDisk(64, 'seconds').path, 'models');
    const rig = await runDaemon({}, { AUTOCACHE_ROOTS: `${root}=hdd` });
    const path = join(root, 'loras/a.safetensors');
    const ask = (waitMs: number) =>
      rig.client.lookup({ path, purpose: 'load', waitMs, client: { app: 'test', pid: process.pid } });
    const stampOf = ({ size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true })) => [size, mtimeNs, ctimeNs, ino];
    // At the beginning of a second: the first copy is made, or not, within it.
    const { before, after, bytes } = await vi.waitUntil(
      async () => {
        await sleep(1020 - (Date.now() % 1000));
        writeModel(path, size);
        await overwrite(path);
        const before = stampOf();
        await ask(400);
        const bytes = await overwrite(path);
        const after = stampOf();
        return String(before) === String(after) && { before, after, bytes };
      },
      { timeout: patience(20_000), interval: 0 },
    );
    expect(after).toEqual(before);
    const answer = await vi.waitFor(async () => {
      const found = await ask(patience(5000));
      expect(found.tier).toBe('ssd');
      return found;
    }, soon());
    expect((await readFile(answer.path)).equals(bytes)).toBe(true);
  });

  test('is read when no more writes go unnoticed', async () => {
    const root = join(tempDir(), 'models');
    const path = join(root, 'a.safetensors');
    writeModel(path, size);
    const second = Math.floor(Date.now() / 1000);
    await utimes(path, second, second);
    const source = { path, root, rel: 'a.safetensors', category: null, fingerprint: fingerprintOf(path) };
    const opening = posixDriver({ root, network: false }).open(source);
    const bytes = await overwrite(path);
    await utimes(path, second, second);
    const file = await opening;
    const read = Buffer.alloc(1000);
    await file.read(read, size - 1000);
    await file.assertUnchanged();
    await file.close();
    expect(read.equals(bytes.subarray(size - 1000))).toBe(true);
  });
});
