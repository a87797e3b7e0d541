import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { toCacheError } from '../../../src/core/errors.ts';
import { remoteDriver } from '../../../src/sources/drivers/remote/remote-driver.ts';
import { openPosixTier } from '../../../src/tiers/posix-tier.ts';
import { runCopyJob } from '../../../src/transfer/run-copy-job.ts';
import { quiet } from '../../helpers/hooks.ts';
import { endingFaults, passingFaults } from '../../helpers/object-faults.ts';
import { copyOrder } from '../../helpers/orders.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { fileAt } from '../subject.ts';
import type { RemoteSubject } from './remote-subject.ts';

/** It does not give up: what fails in these tests is never to be for lack of time. */
const persevering = {
  silentMs: 300_000,
  deadMs: 300_000,
  slowMs: 300_000,
  looks: 100,
  pauseMs: { first: 1, longest: 3 },
};

export interface FaultCount {
  faults: number;
  copies: number;
  failed: number;
  /** How often each fault came. */
  by: Record<string, number>;
}

/**
 * Copies objects while every second answer with their bytes goes wrong, until so many have. Every sealed copy must have the bytes of
 * its object; a copy fails only of a fault that says that the object is another one.
 */
export async function copyUnderFaults(subject: RemoteSubject, most: number): Promise<FaultCount> {
  const { server, root, store } = subject;
  const count: FaultCount = { faults: 0, copies: 0, failed: 0, by: {} };
  const driver = remoteDriver({ root, store, patience: persevering, partBytes: 16 * 1024 });
  const tier = openPosixTier('ssd', join(tempDir(), 'cache'));
  let isEnding = false;
  server.faultFor = (asked, reply) => {
    if (!reply.holds || asked.headers.range === undefined || count.faults >= most || Math.random() < 0.5) return null;
    const kinds = Math.random() < 0.004 ? endingFaults : passingFaults;
    const names = Object.keys(kinds);
    const name = names[Math.floor(Math.random() * names.length)] ?? '';
    isEnding ||= kinds === endingFaults;
    count.faults += 1;
    count.by[name] = (count.by[name] ?? 0) + 1;
    return kinds[name] ?? null;
  };
  onTestFinished(() => {
    server.faultFor = () => null;
  });
  for (; count.faults < most; count.copies += 1) {
    const rel = `checkpoints/${count.copies}.safetensors`;
    const bytes = randomBytes(200_000 + (count.copies % 7) * 9_999);
    await subject.put(rel, bytes);
    await subject.publish(rel, createHash('sha256').update(bytes).digest('hex'));
    const source = await fileAt({ driver, root }, rel);
    const place = tier.placeOf(root, rel);
    const order = copyOrder({ id: count.copies, source, temp: join(tier.partialDir, 'a.part'), ...place, network: true });
    isEnding = false;
    try {
      await runCopyJob(order, quiet(), () => driver);
      expect(readFileSync(place.path).equals(bytes), `the copy ${count.copies}`).toBe(true);
    } catch (error) {
      expect([toCacheError(error).code, isEnding]).toEqual(['SOURCE_CHANGED', true]);
      expect(existsSync(place.path)).toBe(false);
      count.failed += 1;
    }
    rmSync(place.path, { force: true });
    await subject.remove(rel);
  }
  return count;
}
