import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { endLeases } from '../../bench/installed.ts';
import { startComfyui } from '../helpers/comfyui-process.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { lapse } from '../helpers/leases.ts';
import { patience, soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const name = 'loras/a.safetensors';
const MiB = 2 ** 20;

type Settings = Record<string, string>;

/** A daemon, and a ComfyUI in whose outputs the path of a copy is kept. */
async function arrange(settings: Settings = {}, { ram = false } = {}) {
  const daemon = await runDaemon({ [name]: MiB, 'loras/b.safetensors': MiB }, settings);
  const source = join(daemon.root, name);
  const sha256 = createHash('sha256')
    .update(daemon.bytes[name] ?? '')
    .digest('hex');
  // It names its folders, and copies lie below those from then on.
  const comfyui = await startComfyui(daemon.root, daemon.stateDir);
  await daemon.client.warm({ paths: [source], wait: true, ram });
  const path = await copySelected(comfyui, source);
  const again = () => comfyui.tell('load_selected', 'loras', 'a.safetensors');
  return { daemon, source, sha256, comfyui, path, again, lapse: () => lapse(daemon.client, source) };
}

/** The path of the copy that a node selects. On a busy machine the daemon answers late, and the node is given the source. */
function copySelected(comfyui: Awaited<ReturnType<typeof startComfyui>>, source: string): Promise<string> {
  const select = async () => {
    const path = String(await comfyui.tell('select', 'loras', 'a.safetensors'));
    expect(path).not.toBe(source);
    return path;
  };
  return vi.waitFor(select, { ...soon(), interval: 500 });
}

const isLink = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

describe.skipIf(process.platform === 'win32')('a node that keeps the path of a model opens it in the next prompt', () => {
  test('after the copy was evicted, and after everything was purged', { tags: 'slow' }, async () => {
    const { daemon, source, sha256, path, again, lapse } = await arrange();
    await lapse();
    expect(await daemon.client.evict({ paths: [source] })).toMatchObject({ files: 1, bytes: MiB });
    expect(isLink(path)).toBe(true);
    expect(await again()).toBe(sha256);
    expect(await daemon.client.clear({ all: true })).toMatchObject({ files: 0 });
    expect(await again()).toBe(sha256);
    const { tiers } = await daemon.client.stats();
    expect(tiers).toContainEqual(expect.objectContaining({ tier: 'ssd', files: 0, bytes: 0 }));
  });

  test('and is never given the link: a lookup gives the source until there is a copy again, which takes its place', {
    tags: 'slow',
  }, async () => {
    const { daemon, source, sha256, path, comfyui, again, lapse } = await arrange();
    await lapse();
    await daemon.client.clear({ all: true });
    await daemon.client.changeConfig({ mode: 'read-only' });
    expect(await comfyui.tell('select', 'loras', 'a.safetensors')).toBe(source);
    await daemon.client.changeConfig({ mode: 'read-write' });
    await daemon.client.warm({ paths: [source], wait: true });
    expect(lstatSync(path).isFile()).toBe(true);
    expect(await comfyui.tell('select', 'loras', 'a.safetensors')).toBe(path);
    expect(await again()).toBe(sha256);
  });

  test('after the limit was lowered below it, which is kept', { tags: 'slow' }, async () => {
    const { daemon, sha256, path, again, lapse } = await arrange({ AUTOCACHE_LIMIT: '10MiB' });
    await lapse();
    await daemon.client.changeConfig({ limit: '1KiB' });
    await vi.waitFor(() => expect(isLink(path)).toBe(true), soon());
    expect(await again()).toBe(sha256);
  });

  test('while copies that nobody was given leave first', { tags: 'slow' }, async () => {
    const { daemon, path, lapse } = await arrange({ AUTOCACHE_LIMIT: '10MiB', AUTOCACHE_POLICY: 'lru' });
    const other = join(daemon.root, 'loras/b.safetensors');
    await daemon.client.warm({ paths: [other], wait: true });
    // Used last, by a program that is no process here.
    const nobody = { app: 'curl', pid: 2 ** 30 };
    await daemon.client.lookup({ path: other, purpose: 'load', waitMs: 0, client: nobody });
    await endLeases(daemon.client, nobody);
    await lapse();
    await daemon.client.changeConfig({ limit: '1.5MiB' });
    expect(lstatSync(path).isFile()).toBe(true);
  });

  test('after the daemon was stopped and started with an empty cache', { tags: 'slow' }, async () => {
    const { daemon, sha256, path, again, lapse } = await arrange();
    await lapse();
    await daemon.restart();
    await daemon.client.clear({ all: true });
    expect(isLink(path)).toBe(true);
    expect(await again()).toBe(sha256);
  });

  test.runIf(existsSync('/dev/shm'))('also a path in memory, after the daemon was stopped', { tags: 'slow' }, async () => {
    const ram = { AUTOCACHE_RAM_DIR: join(tempDir('/dev/shm'), 'ram'), AUTOCACHE_RAM_LIMIT: '10MiB' };
    const { daemon, sha256, path, again, lapse } = await arrange(ram, { ram: true });
    expect(path.startsWith('/dev/shm/')).toBe(true);
    await lapse();
    await daemon.end();
    expect(isLink(path)).toBe(true);
    expect(await again()).toBe(sha256);
  });

  test('also one that it found in the catalog while no daemon ran', { tags: 'slow' }, async () => {
    const daemon = await runDaemon({ [name]: MiB });
    const source = join(daemon.root, name);
    const sha256 = createHash('sha256')
      .update(daemon.bytes[name] ?? '')
      .digest('hex');
    await daemon.client.warm({ paths: [source], wait: true });
    await daemon.end();
    const comfyui = await startComfyui(daemon.root, daemon.stateDir);
    const path = await copySelected(comfyui, source);
    await daemon.restart();
    // It tells the daemon by itself, and its thread ends.
    const isTold = async () => expect(await comfyui.tell('threads')).not.toContain('autocached-given');
    await vi.waitFor(isTold, { timeout: patience(15_000), interval: 100 });
    await daemon.client.clear({ all: true });
    expect(isLink(path)).toBe(true);
    expect(await comfyui.tell('load_selected', 'loras', 'a.safetensors')).toBe(sha256);
  });

  test('after the user has moved the cache directory; nothing is left there when the program has ended', {
    tags: 'slow',
  }, async () => {
    const { daemon, sha256, path, comfyui, again, lapse } = await arrange();
    await lapse();
    await daemon.end();
    const [former, moved] = [join(daemon.dir, 'ssd'), join(daemon.dir, 'moved')];
    renameSync(former, moved);
    expect(existsSync(path)).toBe(false);
    await daemon.restart({ AUTOCACHE_DIR: moved });
    expect(isLink(path)).toBe(true);
    expect(await again()).toBe(sha256);
    await comfyui.end();
    await daemon.restart();
    await vi.waitFor(() => expect(existsSync(former)).toBe(false), soon());
  });

  test('and when the program has ended, nothing is left of it', async () => {
    const { daemon, path, comfyui, lapse } = await arrange();
    await lapse();
    await daemon.client.clear({ all: true });
    expect(isLink(path)).toBe(true);
    await comfyui.end();
    await daemon.restart();
    await vi.waitFor(() => expect(isLink(path)).toBe(false), soon());
    const left = readdirSync(join(daemon.dir, 'ssd', 'files'), { recursive: true });
    expect(left).toEqual([]);
  });

  test('and a source that is away then is missing as it would be without autocached', { tags: 'slow' }, async () => {
    const { daemon, source, again, lapse } = await arrange();
    await lapse();
    await daemon.client.clear({ all: true });
    rmSync(source);
    await expect(again()).rejects.toThrow('FileNotFoundError');
  });
});
