import { lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, test, vi } from 'vitest';
import { leavingLinks } from '../../src/tiers/leave-link.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { tempDir } from '../helpers/temp-dir.ts';

vi.mock('node:fs', { spy: true });

function arrange() {
  const dir = tempDir();
  const source = join(dir, 'a.safetensors');
  writeFileSync(source, 'source');
  const plain = openPosixTier('ssd', join(dir, 'cache'));
  const tier = leavingLinks(plain, () => source);
  const { path } = tier.placeOf(dir, 'a.safetensors');
  const write = () => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'copy');
  };
  write();
  return { dir, source, plain, tier, path, write };
}

describe.skipIf(process.platform === 'win32')('a copy that leaves while its path may be opened again', () => {
  test('is replaced by a link to the source, and its space is given back', async () => {
    const { source, tier, path } = arrange();
    const leaving = tier.takeOut(path);
    expect(readlinkSync(path)).toBe(source);
    expect(readFileSync(leaving, 'utf8')).toBe('copy');
    await tier.free(leaving);
    expect(lstatSync(leaving, { throwIfNoEntry: false })).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('source');
  });

  test('can be opened at any moment', async () => {
    const { tier, path, write } = arrange();
    const open = `
      const { readFileSync } = require('node:fs');
      const { parentPort, workerData } = require('node:worker_threads');
      const seen = { failed: 0, copy: 0, source: 0 };
      let ended = false;
      parentPort.on('message', () => { ended = true; });
      (function round() {
        for (let count = 0; count < 200; count += 1) {
          try { seen[readFileSync(workerData, 'utf8')] += 1; } catch { seen.failed += 1; }
        }
        if (ended) { parentPort.postMessage(seen); parentPort.close(); } else setImmediate(round);
      })();
      parentPort.postMessage('ready');`;
    const reader = new Worker(open, { eval: true, workerData: path });
    const next = () => new Promise<unknown>((resolve) => reader.once('message', resolve));
    await next();
    const { renameSync } = await import('node:fs');
    for (let round = 0; round < 300; round += 1) {
      await tier.free(tier.takeOut(path));
      // As a copy is published.
      writeFileSync(`${path}.new`, 'copy');
      renameSync(`${path}.new`, path);
    }
    const seen = next();
    reader.postMessage('end');
    expect(await seen).toMatchObject({ failed: 0, copy: expect.any(Number), source: expect.any(Number) });
    await reader.terminate();
    write();
  });

  test('stays where the file system has no links, and so does a copy of a tier in such a place', () => {
    const { dir, plain, tier, path } = arrange();
    const refuse = () => {
      throw Object.assign(new Error('no links'), { code: 'EPERM' });
    };
    vi.mocked(symlinkSync).mockImplementationOnce(refuse);
    expect(() => tier.takeOut(path)).toThrow(expect.objectContaining({ code: 'IN_USE' }));
    expect(readFileSync(path, 'utf8')).toBe('copy');
    expect(plain.leavesLinks()).toBe(true);
    vi.mocked(symlinkSync).mockImplementationOnce(refuse);
    expect(openPosixTier('ssd', join(dir, 'other')).leavesLinks()).toBe(false);
  });

  test('goes when nobody needs it any more, unless it is not the link that was left', () => {
    const { dir, source, tier, path, write } = arrange();
    tier.takeOut(path);
    tier.dropLink(path, join(dir, 'other'));
    expect(readlinkSync(path)).toBe(source);
    tier.dropLink(path, source);
    expect(lstatSync(dirname(path), { throwIfNoEntry: false })).toBeUndefined();
    write();
    tier.dropLink(path, source);
    expect(readFileSync(path, 'utf8')).toBe('copy');
    const outside = join(dir, 'link');
    symlinkSync(source, outside);
    tier.dropLink(outside, source);
    expect(readlinkSync(outside)).toBe(source);
  });
});
