import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { ChunkHash, chunkSize } from '../../src/codec/chunk-hash.ts';
import { partialPath, readJournal } from '../../src/tiers/partial.ts';
import type { CopyOrder } from '../../src/transfer/messages.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { injectFault, systemError } from '../helpers/faulty-fs.ts';
import { fingerprintOf, writeModel } from '../helpers/files.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder, oneModel } from '../helpers/orders.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

const usualSize = 7 * chunkSize + 12_345;

function arrange({ network = false, size = usualSize } = {}) {
  const { root, rel, path, bytes, tier, place } = oneModel(size);
  const temp = partialPath(tier.partialDir, path);
  const order = (): CopyOrder =>
    copyOrder({
      id: 1,
      source: { path, root, rel, category: 'checkpoints', fingerprint: fingerprintOf(path) },
      temp,
      ...place,
      network,
      identity: true,
    });
  return { tier, path, bytes, place, temp, order, journal: `${temp}.journal` };
}

/** A copy that is cancelled once it has come to `at`. */
async function interrupt({ order }: ReturnType<typeof arrange>, at = 6 * chunkSize): Promise<void> {
  const abort = new AbortController();
  const progress = (bytes: number) => bytes >= at && abort.abort();
  await expect(runCopyJob(order(), { ...quiet(), progress, signal: abort.signal })).rejects.toMatchObject({
    code: 'CANCELLED',
  });
}

/**
 * Copies to the end and tells where it went on; the copy is compared with its source byte by byte, and its hash with a fresh one.
 */
async function finish({ order, place, path, tier }: ReturnType<typeof arrange>): Promise<number> {
  let resumed = 0;
  const resuming = (from: number) => {
    resumed = from;
  };
  const report = await runCopyJob(order(), { ...quiet(), resuming });
  const now = readFileSync(path);
  expect(readFileSync(place.path).equals(now)).toBe(true);
  const fresh = await ChunkHash.create();
  fresh.update(now);
  expect(report.hash).toBe(fresh.digest());
  expect(report.resumedFrom).toBe(resumed);
  expect(readdirSync(tier.partialDir)).toEqual([]);
  return resumed;
}

describe('an interrupted copy', () => {
  test.each([
    ['a local disk', false],
    ['a network', true],
  ])('from %s goes on where it was, with the hash of a fresh one', async (_what, network) => {
    const arranged = arrange({ network });
    await interrupt(arranged);
    expect(statSync(arranged.temp).size).toBe(6 * chunkSize);
    expect(await finish(arranged)).toBe(6 * chunkSize);
  });

  test('of a source that was rewritten in the middle, its size and time put back, is no mixture', {
    tags: 'slow',
  }, async () => {
    const arranged = arrange();
    const { path, bytes } = arranged;
    const mtime = 1_700_000_000;
    utimesSync(path, mtime, mtime);
    await interrupt(arranged);
    const before = fingerprintOf(path);
    // The first and the last of the chunks that were copied are as they were.
    const changed = Buffer.from(bytes);
    changed.fill(7, 2 * chunkSize, 3 * chunkSize);
    writeFileSync(path, changed);
    utimesSync(path, mtime, mtime);
    expect(fingerprintOf(path)).toEqual(before);
    expect(await finish(arranged)).toBe(0);
    expect(readFileSync(arranged.place.path).equals(changed)).toBe(true);
  });

  test('has the SHA-256 of a fresh one too', async () => {
    // What remains is too short for a fast disk to be judged too fast for SHA-256.
    const resumed = arrange({ size: 7 * chunkSize - 12_345 });
    await interrupt(resumed);
    expect(await finish(resumed)).toBe(6 * chunkSize);
    const { sha256 } = JSON.parse(readFileSync(resumed.place.manifestPath, 'utf8'));
    expect(sha256).toBe(createHash('sha256').update(resumed.bytes).digest('hex'));
  });

  test('is interrupted again and still ends well', { tags: 'slow' }, async () => {
    const arranged = arrange();
    await interrupt(arranged, 3 * chunkSize);
    await interrupt(arranged, 6 * chunkSize);
    await interrupt(arranged, 4 * chunkSize);
    expect(await finish(arranged)).toBe(6 * chunkSize);
  });

  test.each([
    ['the source goes away', 'read', 'ESTALE', 'SOURCE_AWAY'],
    ['the cache disk is full', 'write', 'ENOSPC', 'NO_SPACE'],
  ] as const)('keeps what it has when %s', { tags: 'slow' }, async (_what, call, errno, code) => {
    const arranged = arrange();
    let far = false;
    const fault = injectFault(call, {
      when: () => far,
      act: () => {
        far = false;
        throw systemError(errno);
      },
    });
    const progress = (bytes: number) => {
      // Not all of the rest is read ahead by then.
      far = bytes === 4 * chunkSize;
    };
    await expect(runCopyJob(arranged.order(), { ...quiet(), progress })).rejects.toMatchObject({ code });
    expect(fault.fired).toBe(1);
    expect(await finish(arranged)).toBeGreaterThanOrEqual(3 * chunkSize);
  });

  test('trusts no byte of what it finds that the journal does not prove', async () => {
    const arranged = arrange();
    await interrupt(arranged);
    // As after kill -9: bytes behind the last checkpoint are there, and torn.
    await writeFile(arranged.temp, Buffer.alloc(chunkSize, 7), { flag: 'a' });
    expect(await finish(arranged)).toBe(6 * chunkSize);
  });
});

describe('an interrupted copy begins anew, or further back,', () => {
  test.each([1, 2, 4])('when chunk %i of its partial file has a flipped bit', { tags: 'slow' }, async (chunk) => {
    const arranged = arrange();
    await interrupt(arranged);
    const bytes = readFileSync(arranged.temp);
    bytes[chunk * chunkSize + 4711] = (bytes[chunk * chunkSize + 4711] ?? 0) ^ 1;
    writeFileSync(arranged.temp, bytes);
    expect(await finish(arranged)).toBe(chunk * chunkSize);
  });

  test.each<[string, (text: string) => string]>([
    ['empty', () => ''],
    ['cut in half', (text) => text.slice(0, text.length / 2)],
    ['not JSON', () => '\0\0\0'],
    ['of a later version', (text) => text.replace('"version":1', '"version":2')],
    ['without its hashes', (text) => text.replace(/"chunks":"[\da-f]*"/, '"chunks":""')],
    ['of another source', (text) => text.replaceAll('a.safetensors', 'b.safetensors')],
    ['with a negative length', (text) => text.replace(/"bytes":\d+/, '"bytes":-1')],
    ['with a length beyond the file', (text) => text.replace(/"bytes":\d+/, `"bytes":${usualSize + 1}`)],
  ])('when its journal is %s', { tags: 'slow' }, async (_what, damage) => {
    const arranged = arrange();
    await interrupt(arranged);
    const text = readFileSync(arranged.journal, 'utf8');
    expect(damage(text)).not.toBe(text);
    writeFileSync(arranged.journal, damage(text));
    expect(await finish(arranged)).toBe(0);
  });

  test('when its journal names wrong hashes', { tags: 'slow' }, async () => {
    const arranged = arrange();
    await interrupt(arranged);
    const journal = JSON.parse(readFileSync(arranged.journal, 'utf8'));
    journal.chunks = journal.chunks.slice(0, 2 * 32) + 'f'.repeat(4 * 32);
    writeFileSync(arranged.journal, JSON.stringify(journal));
    expect(await finish(arranged)).toBe(2 * chunkSize);
  });

  test('when its partial file is shorter than the journal says, as after a power cut', { tags: 'slow' }, async () => {
    const arranged = arrange();
    await interrupt(arranged);
    truncateSync(arranged.temp, 2 * chunkSize + 17);
    expect(await finish(arranged)).toBe(2 * chunkSize);
  });

  test.each<[string, (path: string) => void]>([
    ['was touched', (path) => utimesSync(path, 1, 1)],
    ['was replaced', (path) => writeModel(path, usualSize)],
    [
      'was rewritten in place under its old time',
      (path) => {
        const { atime, mtime } = statSync(path);
        writeModel(path, usualSize);
        utimesSync(path, atime, mtime);
      },
    ],
  ])('when its source %s', { tags: 'slow' }, async (_what, change) => {
    const arranged = arrange();
    await interrupt(arranged);
    change(arranged.path);
    expect(await finish(arranged)).toBe(0);
  });
});

test('nothing is kept of a source that changed while it was copied', async () => {
  const arranged = arrange();
  const progress = (bytes: number) => bytes >= 6 * chunkSize && utimesSync(arranged.path, 1, 1);
  await expect(runCopyJob(arranged.order(), { ...quiet(), progress })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  expect(readdirSync(arranged.tier.partialDir)).toEqual([]);
});

test('a journal speaks of bytes that were written, and is never far behind', async () => {
  const arranged = arrange();
  const seen: number[] = [];
  const progress = (done: number) => {
    const journal = existsSync(arranged.temp) ? readJournal(arranged.temp) : undefined;
    if (journal) seen.push(journal.bytes);
    expect(journal?.bytes ?? 0).toBeLessThanOrEqual(done);
    expect(done - (journal?.bytes ?? 0)).toBeLessThanOrEqual(6 * chunkSize);
  };
  await runCopyJob(arranged.order(), { ...quiet(), progress });
  expect(seen.length).toBeGreaterThan(0);
});
