import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { errnoOf, meaningOf } from '../../runtime/errnos.ts';
import { measureReads } from '../../sources/drivers/posix/measure-reads.ts';
import type { CacheFacts } from './cache-checks.ts';

const trialMib = 32;

/** Writes 32 MiB into a folder of its own in the cache directory, reads them past the page cache, and removes them. */
export async function tryCache(dir: string): Promise<CacheFacts['trial']> {
  let folder: string | null = null;
  try {
    folder = await mkdtemp(join(dir, '.doctor-'));
    const file = join(folder, 'trial.bin');
    const startedAt = Date.now();
    await fill(file);
    const clockSkewMs = (await stat(file)).mtimeMs - Date.now();
    const tookMs = Date.now() - startedAt;
    const caseSensitive = (await stat(join(folder, 'TRIAL.BIN')).catch(() => null)) === null;
    // The time of the last write is within this interval.
    const skew = clockSkewMs < -tookMs ? clockSkewMs + tookMs : Math.max(0, clockSkewMs);
    return { is: 'done', speeds: measureReads(file), clockSkewMs: skew, caseSensitive };
  } catch (error) {
    if (folder === null && errnoOf(error) === 'ENOENT') return { is: 'absent' };
    if (folder === null && meaningOf(error) === 'denied' && (await isOthers(dir))) return { is: 'others' };
    return { is: 'failed', why: messageOf(error) };
  } finally {
    if (folder !== null) await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

async function isOthers(dir: string): Promise<boolean> {
  const { uid } = await stat(dir);
  return uid !== (process.geteuid?.() ?? uid);
}

/** Fills the file with bytes that no disk can compress. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    const block = randomBytes(1024 * 1024);
    for (let index = 0; index < trialMib; index++) {
      block.writeUInt32LE(index, 0);
      await handle.write(block);
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
