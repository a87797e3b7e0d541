import { createHash } from 'node:crypto';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { PublishedCheck } from '../../src/upkeep/published.ts';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { createRig } from '../helpers/rig.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const wrong = 'ab'.repeat(32);

test('a source that is what was published is shown as such', async () => {
  const daemon = await runDaemon({ 'loras/a.safetensors': 50_000 });
  const path = join(daemon.root, 'loras/a.safetensors');
  const hash = sha256(daemon.bytes['loras/a.safetensors'] ?? Buffer.of());
  writeFileSync(`${path}.sha256`, `${hash}  a.safetensors\n`);
  await daemon.client.warm({ paths: [path], wait: true });
  const { code, out } = await runCli(['verify', path], { stateDir: daemon.stateDir });
  expect([code, out]).toEqual([0, '1 copy verified (48.8 KiB): OK\n']);
  expect(await daemon.client.explain(path)).toMatchObject({ published: { sha256: hash, from: `${path}.sha256`, same: true } });
  expect((await runCli(['explain', path], { stateDir: daemon.stateDir })).out).toContain(
    `matches the published SHA-256: ${path}.sha256`,
  );
  expect((await daemon.client.stats()).mismatched).toBe(0);
});

test.runIf(process.platform !== 'win32')(
  'one that is not is reported when its copy is made; the copy serves all the same, for it is what the user has',
  async () => {
    const daemon = await runDaemon({ 'hf/blobs/blob': 50_000 });
    const blob = join(daemon.root, 'hf/blobs', wrong);
    renameSync(join(daemon.root, 'hf/blobs/blob'), blob);
    const path = join(daemon.root, 'hf/model.safetensors');
    symlinkSync(blob, path);
    const events = await daemon.client.events(new AbortController().signal);
    await daemon.client.warm({ paths: [path] });
    for await (const { name, data } of events) {
      if (name !== 'published-mismatch') continue;
      const hash = sha256(daemon.bytes['hf/blobs/blob'] ?? Buffer.of());
      expect(data).toMatchObject({ path, sha256: hash, published: wrong, from: blob });
      break;
    }
    expect((await daemon.client.lookup({ path, purpose: 'load', waitMs: 0, client: null })).reason).toBe('HIT');
    const cli = (...args: string[]) => runCli(args, { stateDir: daemon.stateDir });
    expect(await cli('verify', '--all')).toMatchObject({ code: 4, out: expect.stringContaining(`${blob} says ${wrong}`) });
    expect((await cli('explain', path)).out).toContain(`differs from the published file: ${blob}`);
    expect((await cli('status')).out).toContain('1 file differs from the published');
    expect((await cli('list')).out).toContain('model.safetensors');
  },
);

test('what was found stays while the source does not answer, and goes when nothing is published any more', async () => {
  const rig = createRig({ workers: 'inline' });
  const { path } = rig.source('loras/a.safetensors', 1000);
  await rig.copy(path);
  const entry = rig.catalog.entries.byPath(path);
  if (!entry) throw new Error('not in the catalog');
  let published: () => Promise<{ sha256: string; from: string } | null> = async () => ({ sha256: wrong, from: 'x.sha256' });
  const check = new PublishedCheck({ ...rig, sources: { published: () => published() } });
  const told = () => rig.seen.filter(({ name }) => name === ('published-mismatch' satisfies keyof EventMap)).length;

  expect(await check.check(entry)).toEqual({ sha256: wrong, from: 'x.sha256', same: false });
  published = () => Promise.reject(new Error('asleep'));
  expect(await check.check(entry)).toMatchObject({ same: false });
  expect(rig.catalog.published.mismatches()).toBe(1);
  // The same difference is told once.
  expect(told()).toBe(1);

  published = async () => null;
  expect(await check.check(entry)).toBeNull();
  expect(rig.catalog.published.of(entry.id)).toBeNull();
});

test('without the SHA-256 of the copy nothing is said, and a copy that left is not counted', async () => {
  const rig = createRig({ workers: 'inline' });
  const { path } = rig.source('loras/a.safetensors', 1000);
  const entry = rig.catalog.entries.put(rig.file(path));
  const check = new PublishedCheck({ ...rig, sources: { published: async () => ({ sha256: wrong, from: 'x.sha256' }) } });
  expect(await check.check(entry)).toMatchObject({ same: null });
  await rig.copy(path);
  expect(await check.check(entry)).toMatchObject({ same: false });
  const [copy] = rig.catalog.copies.readyOf(entry.id);
  if (!copy) throw new Error('no copy');
  rmSync(copy.path);
  await rig.evictor.evict(copy, entry, 'evict');
  expect(rig.catalog.published.mismatches()).toBe(0);
});
