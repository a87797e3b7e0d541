import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { endLeases } from '../../bench/installed.ts';
import type { JobView } from '../../src/api/api.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeWeights } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const who = { app: 'comfyui', pid: 1 };

/** A whole daemon with its RAM tier on a real tmpfs. */
async function arrange(files: Record<string, number> = { 'loras/a.safetensors': 100_000 }, settings = {}) {
  const ramDir = join(tempDir('/dev/shm'), 'ram');
  const daemon = await runDaemon(files, { AUTOCACHE_RAM_DIR: ramDir, AUTOCACHE_RAM_LIMIT: '10MiB', ...settings });
  /** With its own stat, as the shim asks: on a busy machine a source may be slower than a lookup waits. */
  const ask = (name: string, waitMs = 0) => {
    const path = join(daemon.root, name);
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    const known = stat && { size: Number(stat.size), mtimeNs: String(stat.mtimeNs) };
    return daemon.client.lookup({ path, ...known, purpose: 'load', waitMs, client: who });
  };
  /** Has the file in memory, and nobody holds it. */
  const warm = (...names: string[]) =>
    daemon.client.warm({ paths: names.map((name) => join(daemon.root, name)), ram: true, wait: true });
  const copies = () => {
    const all = readdirSync(ramDir, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    return all.filter(({ parentPath }) => parentPath.startsWith(join(ramDir, 'files'))).map(({ name }) => name);
  };
  return { daemon, ramDir, ask, warm, copies };
}

describe.runIf(process.platform === 'linux' && existsSync('/dev/shm'))('the RAM tier of a daemon', () => {
  test('is filled by use, served from, and counted', async () => {
    const { daemon, ramDir, ask } = await arrange();
    const [name = '', bytes] = Object.entries(daemon.bytes)[0] ?? [];
    expect((await ask(name, patience(10_000))).reason).toBe('HIT_AFTER_WAIT');
    // Whoever asks for entries has all uses written first.
    expect((await daemon.client.entries({})).entries).toMatchObject([{ uses: 1 }]);
    const moved = await daemon.client.events(AbortSignal.timeout(patience(10_000)));
    expect((await ask(name)).reason).toBe('HIT');
    for await (const event of moved) if (event.name === 'job-done') break;
    const { path, reason } = await ask(name);
    expect(reason).toBe('HIT_RAM');
    expect(path.startsWith(join(ramDir, 'files'))).toBe(true);
    expect(readFileSync(path).equals(bytes ?? Buffer.alloc(0))).toBe(true);
    const stats = await daemon.client.stats();
    const ram = stats.tiers.find(({ tier }) => tier === 'ram');
    expect(ram).toMatchObject({ files: 1, bytes: 100_000, reserved: 0, limit: 10 * 2 ** 20 });
    expect(ram?.floor).toBeGreaterThan(2 ** 20);
    // What is written to memory wears out nothing.
    expect(stats.bytesCopied).toBe(100_000);
  });

  test('takes what a load has restored from the cold tier', { tags: 'slow' }, async () => {
    const limit = '11.8MiB';
    const { daemon, ramDir, ask } = await arrange({}, { AUTOCACHE_COMPRESS: 'cold', AUTOCACHE_LIMIT: limit });
    const names = Array.from({ length: 10 }, (_, k) => `loras/${k}.safetensors`);
    const bytes = names.map((name) => writeWeights(join(daemon.root, name), 2 ** 20));
    for (const name of names) expect((await ask(name, patience(10_000))).reason).toBe('HIT_AFTER_WAIT');
    const events = await daemon.client.events(AbortSignal.timeout(patience(10_000)));
    // What is leased is not compressed; the daemon looks again after every change.
    await endLeases(daemon.client, who);
    await daemon.client.changeConfig({ limit });
    let compressed = '';
    for await (const { name, data } of events) {
      const { tier, path } = data as JobView;
      if (name !== 'job-done' || tier !== 'cold') continue;
      compressed = path;
      break;
    }
    const answer = await ask(compressed.slice(daemon.root.length + 1), patience(10_000));
    expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ram' });
    expect(answer.path.startsWith(join(ramDir, 'files'))).toBe(true);
    const original = bytes[names.findIndex((name) => compressed.endsWith(name))];
    expect(readFileSync(answer.path).equals(original ?? Buffer.alloc(0))).toBe(true);
    const { entries } = await daemon.client.entries({ cached: true });
    expect(
      entries
        .find(({ path }) => path === compressed)
        ?.copies.map(({ tier }) => tier)
        .sort(),
    ).toEqual(['cold', 'ram']);
  });

  test('gives its memory back when the daemon ends, and is filled anew by the next one', { tags: 'slow' }, async () => {
    const { daemon, ask, warm, copies } = await arrange();
    expect((await warm('loras/a.safetensors')).items).toMatchObject([{ reason: 'HIT_RAM', tier: 'ram' }]);
    expect(copies()).toEqual(['a.safetensors']);
    await daemon.restart();
    expect(copies()).toEqual([]);
    expect((await ask('loras/a.safetensors')).reason).toBe('HIT');
    await warm('loras/a.safetensors');
    expect((await ask('loras/a.safetensors')).reason).toBe('HIT_RAM');
  });

  test('keeps what somebody was promised when the daemon ends, for programs that ask the catalog; the next one empties it', async () => {
    const { daemon, ask, warm, copies } = await arrange({ 'loras/a.safetensors': 1000, 'loras/b.safetensors': 1000 });
    await warm('loras/a.safetensors', 'loras/b.safetensors');
    const { path } = await ask('loras/b.safetensors');
    await daemon.end();
    expect(copies()).toEqual(['b.safetensors']);
    const Sqlite = (await import('better-sqlite3')).default;
    const catalog = new Sqlite(join(daemon.stateDir, 'catalog.db'), { readonly: true });
    onTestFinished(() => void catalog.close());
    const rows = catalog.prepare("SELECT copy_path, copy_ino FROM resolver_v1 WHERE tier = 'ram'").all();
    expect(rows).toEqual([{ copy_path: path, copy_ino: String(statSync(path, { bigint: true }).ino) }]);
    await daemon.restart();
    expect(copies()).toEqual([]);
    expect((await ask('loras/b.safetensors')).reason).toBe('HIT');
  });

  test.each([
    ['switched off', (): Record<string, string> => ({ AUTOCACHE_RAM_LIMIT: 'off' })],
    ['put elsewhere', (ramDir: string) => ({ AUTOCACHE_RAM_DIR: join(dirname(ramDir), 'other') })],
  ])('leaves nothing in memory when it is %s', async (_how, change) => {
    const { daemon, ramDir, ask, warm, copies } = await arrange();
    await warm('loras/a.safetensors');
    await ask('loras/a.safetensors');
    await daemon.end();
    expect(copies()).toEqual(['a.safetensors']);
    await daemon.restart(change(ramDir));
    expect(copies()).toEqual([]);
    expect((await ask('loras/a.safetensors')).reason).toBe('HIT');
  });

  test('a path that was given just before the daemon was killed leads to the source, where the next one has no RAM tier', {
    tags: 'slow',
  }, async () => {
    const dir = tempDir();
    const source = join(dir, 'models', 'loras', 'a.safetensors');
    const bytes = writeWeights(source, 100_000);
    const ramDir = join(tempDir('/dev/shm'), 'ram');
    const settings = { AUTOCACHE_ROOTS: `${join(dir, 'models')}=hdd`, AUTOCACHE_MIN_FREE: '1' };
    const { child, client } = await startDaemonProcess({ dir, settings: { ...settings, AUTOCACHE_RAM_DIR: ramDir } });
    await client.warm({ paths: [source], ram: true, wait: true });
    const self = { app: 'test', pid: process.pid };
    const { path, reason } = await client.lookup({ path: source, purpose: 'load', waitMs: 0, client: self });
    // What is done right behind the first answer comes before the second.
    expect(await client.healthy()).toBe(true);
    await endDaemonProcess(child, 'SIGKILL');
    expect([reason, path.startsWith(ramDir)]).toEqual(['HIT_RAM', true]);
    await startDaemonProcess({ dir, settings });
    expect(readlinkSync(path)).toBe(source);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test('files that belong together are in memory together, or served from the SSD', async () => {
    const names = { 'text_encoders/Q-Q4.gguf': 3000, 'text_encoders/Q-mmproj-F16.gguf': 2000 };
    const { daemon, ramDir, ask, warm, copies } = await arrange(names);
    const [model = '', projector = ''] = Object.keys(names);
    await warm(model);
    expect(copies().sort()).toEqual(
      Object.keys(names)
        .map((name) => basename(name))
        .sort(),
    );
    const { path, reason } = await ask(model);
    expect(reason).toBe('HIT_RAM');
    expect(readFileSync(join(dirname(path), basename(projector))).equals(daemon.bytes[projector] ?? Buffer.alloc(0))).toBe(
      true,
    );
    const inRam = readdirSync(ramDir, { recursive: true, encoding: 'utf8' }).find((file) => /mmproj.*gguf$/.test(file));
    rmSync(join(ramDir, inRam ?? ''));
    const next = await ask(model);
    expect(next).toMatchObject({ tier: 'ssd', reason: 'HIT' });
    expect(existsSync(join(dirname(next.path), basename(projector)))).toBe(true);
  });

  test('a directory where it must not be keeps the daemon from starting', async () => {
    const { daemon, ramDir } = await arrange();
    const refused = (changed: Record<string, string>) => daemon.restart({ AUTOCACHE_RAM_DIR: ramDir, ...changed });
    const at = dirname(ramDir);
    const cases: [Record<string, string>, string][] = [
      [{ AUTOCACHE_RAM_DIR: join(daemon.dir, 'disk') }, 'does not lie in memory'],
      [{ AUTOCACHE_DIR: join(at, 'ssd'), AUTOCACHE_RAM_DIR: join(at, 'ssd') }, 'is also the cache directory'],
      [{ AUTOCACHE_DIR: join(at, 'ssd'), AUTOCACHE_RAM_DIR: join(at, 'ssd', 'x') }, 'lies inside the cache directory'],
      [{ AUTOCACHE_DIR: join(at, 'all', 'ssd'), AUTOCACHE_RAM_DIR: join(at, 'all') }, 'contains the cache directory'],
      [{ AUTOCACHE_DIR: join(daemon.dir, 'ssd'), AUTOCACHE_ROOTS: at }, 'lies inside the root'],
      [{ AUTOCACHE_ROOTS: join(ramDir, 'models') }, 'contains the root'],
    ];
    for (const [changed, why] of cases) {
      await expect(refused(changed)).rejects.toMatchObject({ code: 'BAD_CONFIG', message: expect.stringContaining(why) });
    }
  });
});
