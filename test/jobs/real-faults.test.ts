import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, type TestContext, test, vi } from 'vitest';
import { faultyMount, noMounts } from '../helpers/faulty-mount.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { createRig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;
const offset = 9 * MiB;

describe.skipIf(noMounts !== null)(`a real mount that goes wrong${noMounts === null ? '' : ` (skipped: ${noMounts})`}`, () => {
  async function arrange(context: TestContext) {
    const rig = createRig();
    const backing = join(rig.dir, 'backing', 'a.safetensors');
    const bytes = writeModel(backing, 20 * MiB + 5);
    const mount = await faultyMount(backing, join(rig.root, 'checkpoints'), offset);
    if (mount.refused !== null) context.skip(mount.refused);
    const copy = rig.tier.placeOf(rig.root, join('checkpoints', 'a.safetensors'));
    return { rig, mount, bytes, copy };
  }

  test.for(['hdd', 'nas'] as const)(
    'an I/O error of a %s in mid-file is reported, and what is copied when it is healed is right',
    async (medium, context) => {
      const { rig, mount, bytes, copy } = await arrange(context);
      mount.fail('eio');
      expect(() => readFileSync(mount.path)).toThrow('EIO');
      const failed = rig.request(mount.path, 'background', medium);
      await failed.ended;
      expect(failed.view()).toMatchObject({
        state: 'failed',
        error: { code: 'SOURCE_IO', message: expect.stringContaining('EIO') },
      });
      expect([copy.path, copy.manifestPath].map((path) => existsSync(path))).toEqual([false, false]);
      // What is left is what the next try goes on from, and it is counted.
      const left = readdirSync(rig.tier.partialDir).filter((name) => name.endsWith('.part'));
      expect(rig.catalog.placements.usedBytes('ssd') > 0).toBe(left.length > 0);
      mount.heal();
      const healed = rig.request(mount.path, 'background', medium);
      await healed.ended;
      expect(healed.state).toBe('done');
      expect(readFileSync(copy.path).equals(bytes)).toBe(true);
    },
  );

  test('a read that is never answered holds a process of its own: the job is given up, and the daemon stops', {
    tags: 'slow',
  }, async (context) => {
    const { rig, mount, copy } = await arrange(context);
    mount.fail('hang');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const job = rig.request(mount.path, 'background', 'nas');
    await vi.waitUntil(() => job.bytesDone > 0, { timeout: patience(10_000) });
    await vi.advanceTimersByTimeAsync(61_000);
    await job.ended;
    expect(job.error).toMatchObject({ code: 'SOURCE_AWAY' });
    expect(existsSync(copy.path)).toBe(false);
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(0);
    await rig.close();
  });
});
