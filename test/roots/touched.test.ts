import { chmodSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { LookupRequest } from '../../src/api/api.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { fingerprintOf } from '../helpers/files.ts';
import { soon } from '../helpers/patience.ts';

const rel = 'loras/a.safetensors';
const size = 100_000;
const mtime = 1_700_000_000;

async function withCopy() {
  const daemon = await runDaemon({ [rel]: size });
  const path = join(daemon.root, rel);
  utimesSync(path, mtime, mtime);
  await daemon.client.warm({ paths: [path], wait: true });
  const ask = (told: Pick<LookupRequest, 'size' | 'mtimeNs' | 'ctimeNs'> = {}) =>
    daemon.client.lookup({ path, ...told, purpose: 'load', waitMs: 0, client: { app: 'test' } });
  const hit = await ask();
  expect(hit.reason).toBe('HIT');
  return { daemon, path, copy: hit.path, ask };
}

describe('a source whose size and time are as before', () => {
  const other = Buffer.alloc(size, 7);

  test.each<[string, (path: string) => void]>([
    ['was rewritten in place', (path) => writeFileSync(path, other)],
    [
      'is another file',
      (path) => {
        writeFileSync(`${path}.new`, other);
        utimesSync(`${path}.new`, mtime, mtime);
        renameSync(`${path}.new`, path);
      },
    ],
  ])('%s: its old bytes are not served', async (_what, change) => {
    const { path, copy, ask } = await withCopy();
    const before = fingerprintOf(path);
    change(path);
    utimesSync(path, mtime, mtime);
    expect(fingerprintOf(path)).toMatchObject({ size: before.size, mtimeNs: before.mtimeNs });
    expect((await ask()).path).toBe(path);
    await vi.waitFor(async () => expect(await ask()).toMatchObject({ reason: 'HIT', path: copy }), soon());
    expect(readFileSync(copy).equals(other)).toBe(true);
  });

  test('was rewritten in place, and its asker tells its stat: its old bytes are not served', async () => {
    const { path, ask } = await withCopy();
    const told = () => {
      const { size: bytes, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
      return { size: Number(bytes), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs) };
    };
    const before = told();
    expect(await ask(before)).toMatchObject({ reason: 'HIT' });
    writeFileSync(path, other);
    utimesSync(path, mtime, mtime);
    expect(told()).toMatchObject({ size: before.size, mtimeNs: before.mtimeNs });
    expect((await ask(told())).path).toBe(path);
  });

  test('is seen with another ctime by its asker, as from a container: the daemon looks itself, and its copy is served', async () => {
    const { copy, path, ask } = await withCopy();
    const { size: bytes, mtimeNs } = statSync(path, { bigint: true });
    expect(await ask({ size: Number(bytes), mtimeNs: String(mtimeNs), ctimeNs: '5' })).toMatchObject({
      reason: 'HIT',
      path: copy,
    });
  });

  test('was only touched: its copy is compared and used again, and nothing is written', async () => {
    const { daemon, path, copy, ask } = await withCopy();
    const { ino } = statSync(copy);
    const { bytesCopied } = await daemon.client.stats();
    chmodSync(path, 0o600);
    await vi.waitFor(async () => expect(await ask()).toMatchObject({ reason: 'HIT', path: copy }), soon());
    expect(statSync(copy).ino).toBe(ino);
    expect((await daemon.client.stats()).bytesCopied).toBe(bytesCopied);
  });
});
