import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { fillDisk, fillWithFiles } from '../helpers/full-disk.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const canMount = process.platform === 'linux' && process.getuid?.() === 0;
if (!canMount) console.warn('SKIPPED: a disk without room for results and files (root on Linux is needed)');

test.skipIf(!canMount).each(['bytes', 'files'] as const)(
  'a disk with no room for %s: results can be removed from it, and a start succeeds',
  { tags: 'slow' },
  async (what) => {
    const dir = join(tempDir(), 'disk');
    mkdirSync(dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,nr_inodes=500', 'tmpfs', dir]);
    onTestFinished(() => void execFileSync('umount', ['--lazy', dir]));
    const settings = { AUTOCACHE_DIR: join(dir, 'cache'), AUTOCACHE_STATE: join(dir, 'state') };
    const start = () => startDaemonProcess({ dir: tempDir(), settings });
    const daemon = await start();
    const put = (n: number) => ({ body: { ns: 'images', parts: [n], value: 'x'.repeat(1000) } });
    for (let n = 0; n < 20; n++) await daemon.client.ask('POST', '/api/memo/put', put(n));
    const reserves = [join(dir, 'state/reserve'), join(dir, 'cache/memo/reserve')];
    await vi.waitFor(() => expect(reserves.map((reserve) => existsSync(reserve))).toEqual([true, true]), soon());
    const fill = () => (what === 'bytes' ? fillDisk(dir) : fillWithFiles(dir));
    expect(fill()).toBe(0);
    expect(await daemon.client.ask('POST', '/api/cache/clear', { body: { plane: 'memo', all: true } })).toMatchObject({
      removed: 20,
    });
    await endDaemonProcess(daemon.child, 'SIGKILL');
    fill();
    const again = await start();
    expect((await again.client.stats()).tiers).toHaveLength(1);
  },
);
