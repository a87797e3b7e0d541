import { linkSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const slow = { timeout: patience(60_000) };
const MiB = 2 ** 20;
let dir: string;
let models: string;
let arena: string;
let daemon: DaemonProcess;
const start = (settings: Record<string, string> = {}) =>
  startDaemonProcess({ dir, settings: { AUTOCACHE_ROOTS: `${models}=nas`, ...settings } });
const takeOver = (...words: string[]) =>
  runCli(['take-over', arena, '--json', ...words], { stateDir: daemon.stateDir, cwd: dir });
const items = (out: string) =>
  Object.fromEntries(
    (JSON.parse(out).items as { from: string; outcome?: string; state: string; why: string | null }[]).map(
      ({ from, outcome, state, why }) => [from.slice(arena.length + 1), [outcome ?? state, why]],
    ),
  );

/** A model, and Arena's copy of it under `rel`, which may differ. */
function model(name: string, rel: string, change: (bytes: Buffer) => Buffer = (bytes) => bytes): string {
  const bytes = writeModel(join(models, name), 2 * MiB);
  return arenaFile(rel, change(Buffer.from(bytes)));
}

function arenaFile(rel: string, bytes: Buffer | string): string {
  const path = join(arena, rel);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

beforeEach(() => {
  dir = tempDir();
  models = join(dir, 'models');
  arena = join(dir, 'arena');
});

/** The copy of a model, as the daemon hands it out. */
async function copyOf(name: string): Promise<{ path: string; reason: string }> {
  const path = join(models, name);
  return daemon.client.lookup({ path, purpose: 'load', waitMs: 0, client: null });
}

describe.skipIf(process.platform === 'win32')("taking over Arena AutoCache's directory", () => {
  test('equal files become true copies of no further bytes; all others are left with why', slow, async () => {
    const equal = model('checkpoints/a.safetensors', 'checkpoints/SDXL/a.safetensors');
    model('text_encoders/t5/t5xxl.safetensors', 'clip/t5xxl.safetensors');
    model('loras/stale.safetensors', 'loras/stale.safetensors', (bytes) => bytes.fill(7, MiB, MiB + 1));
    model('vae/short.safetensors', 'vae/short.safetensors', (bytes) => bytes.subarray(0, MiB));
    arenaFile('loras/nobody.safetensors', 'x');
    arenaFile('checkpoints/b.safetensors.part', 'x');
    arenaFile('index.json', '{}');
    writeModel(join(models, 'loras/linked.safetensors'), MiB);
    mkdirSync(join(arena, 'loras'), { recursive: true });
    symlinkSync(join(models, 'loras/linked.safetensors'), join(arena, 'loras/linked.safetensors'));
    writeModel(join(models, 'loras/same.safetensors'), MiB);
    linkSync(join(models, 'loras/same.safetensors'), join(arena, 'loras/same.safetensors'));
    daemon = await start();
    const before = readFileSync(equal);
    const planned = await takeOver('--dry-run');
    expect(items(planned.out)['checkpoints/SDXL/a.safetensors']).toEqual(['compared', null]);
    expect((await copyOf('checkpoints/a.safetensors')).reason).not.toBe('HIT');
    const { code, out } = await takeOver();
    expect(code).toBe(4);
    expect(items(out)).toMatchObject({
      'checkpoints/SDXL/a.safetensors': [expect.stringMatching(/taken over|cached/), null],
      'clip/t5xxl.safetensors': ['taken over', null],
      'loras/stale.safetensors': ['left', 'its bytes are not those of the source'],
      'vae/short.safetensors': ['left', expect.stringContaining('cut short')],
      'loras/nobody.safetensors': ['left', expect.stringContaining('no model of this name')],
      'loras/linked.safetensors': ['left', expect.stringContaining('model folder')],
      'loras/same.safetensors': ['left', 'it is the source itself, under another name'],
    });
    const { path, reason } = await copyOf('text_encoders/t5/t5xxl.safetensors');
    expect(reason).toBe('HIT');
    expect(statSync(path).ino).toBe(statSync(join(arena, 'clip/t5xxl.safetensors')).ino);
    expect(statSync(path).mtimeMs).toBe(statSync(join(models, 'text_encoders/t5/t5xxl.safetensors')).mtimeMs);
    expect((await daemon.client.verify({ paths: [join(models, 'text_encoders/t5/t5xxl.safetensors')] })).damaged).toEqual([]);
    expect((await copyOf('loras/stale.safetensors')).reason).not.toBe('HIT');
    expect(readFileSync(equal).equals(before)).toBe(true);
    // Again, after the daemon has begun anew: nothing is compared twice.
    await endDaemonProcess(daemon.child);
    daemon = await start();
    expect(items((await takeOver()).out)['clip/t5xxl.safetensors']).toEqual(['cached', null]);
  });

  test('--move asks, and removes what was taken over and nothing else', { ...slow, tags: 'slow' }, async () => {
    const moved = model('checkpoints/a.safetensors', 'checkpoints/a.safetensors');
    const stale = model('loras/b.safetensors', 'loras/b.safetensors', (bytes) => bytes.fill(7, MiB));
    daemon = await start();
    const { ino } = statSync(moved);
    expect((await takeOver('--move')).code).toBe(2);
    expect(items((await takeOver('--move', '--yes')).out)['checkpoints/a.safetensors']?.[0]).toBe('taken over');
    expect(() => statSync(moved)).toThrow('ENOENT');
    expect(statSync(stale).size).toBe(2 * MiB);
    expect(statSync((await copyOf('checkpoints/a.safetensors')).path).ino).toBe(ino);
  });

  test('what lies in a model folder is never taken for a copy', { ...slow, tags: 'slow' }, async () => {
    arena = join(models, 'arena_cache');
    const source = model('checkpoints/a.safetensors', 'checkpoints/a.safetensors');
    daemon = await start();
    const { mode } = statSync(source);
    expect(items((await takeOver('--move', '--yes')).out)['checkpoints/a.safetensors']).toEqual([
      'left',
      expect.stringContaining('AUTOCACHE_ROOTS'),
    ]);
    expect(statSync(source).mode).toBe(mode);
  });

  test('nothing leaves for it where the limit is short, and no free space is asked for', {
    ...slow,
    tags: 'slow',
  }, async () => {
    for (const name of ['a', 'b']) model(`loras/${name}.safetensors`, `loras/${name}.safetensors`);
    daemon = await start({ AUTOCACHE_LIMIT: '3MiB', AUTOCACHE_MIN_FREE: '99%' });
    const outcomes = Object.values(items((await takeOver()).out));
    expect(outcomes.map(([outcome]) => outcome).sort()).toEqual(['left', 'taken over']);
    expect(outcomes.find(([outcome]) => outcome === 'left')?.[1]).toContain('limit of the cache');
  });

  test('a daemon that is killed in the middle leaves all as it was, and the next run goes on', {
    ...slow,
    tags: 'slow',
  }, async () => {
    const names = ['a', 'b', 'c'];
    const files = names.map((name) => model(`loras/${name}.safetensors`, `loras/${name}.safetensors`));
    const bytes = files.map((file) => readFileSync(file).toString('base64'));
    daemon = await start({ AUTOCACHE_RATE: '1MiB', AUTOCACHE_JOBS: '1' });
    const events = await daemon.client.events(new AbortController().signal);
    const run = takeOver();
    for await (const { name } of events) if (name === 'job-progress') break;
    await endDaemonProcess(daemon.child, 'SIGKILL');
    expect((await run).code).toBe(3);
    expect(files.map((file) => readFileSync(file).toString('base64'))).toEqual(bytes);
    daemon = await start();
    const { code, out } = await takeOver();
    expect(code, out).toBe(0);
    for (const [index, name] of names.entries()) {
      const { path, reason } = await copyOf(`loras/${name}.safetensors`);
      expect(reason).toBe('HIT');
      expect(statSync(path).ino).toBe(statSync(files[index] ?? '').ino);
    }
    // Arena's directory can go.
    rmSync(arena, { recursive: true });
    expect((await copyOf('loras/a.safetensors')).reason).toBe('HIT');
  });
});
