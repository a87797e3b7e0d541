import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Medium } from '../../src/core/types.ts';
import { Roots } from '../../src/roots/registry.ts';
import { type ListedFile, SourceClient, type SourceClientOptions } from '../../src/sources/client.ts';
import { readerIn } from '../../src/sources/pool.ts';
import type { OpenReader } from '../../src/sources/rpc.ts';
import { patience } from '../helpers/patience.ts';
import { busyReader } from './busy-reader.ts';
import { fill, tempTree } from './temp-tree.ts';

const soon = { deadlineMs: 20_000 };

// Starting a reader takes longer than most tests: those that need no special one share theirs.
const sharedRoots = new Roots();
const sharedHost = new SourceClient({ roots: sharedRoots });
afterAll(() => sharedHost[Symbol.asyncDispose]());

function hostOf(path: string, kind: Medium, fileSystem = kind === 'nas' ? 'nfs4' : 'ext4') {
  const medium = { kind, from: 'detected', device: '//shared/nas', fileSystem, resolved: path } as const;
  const { root } = sharedRoots.add({ path, origin: 'config', medium });
  return { roots: sharedRoots, root, host: sharedHost };
}

function ownHostOf(path: string, options: Partial<SourceClientOptions>) {
  const roots = new Roots();
  const medium = { kind: 'nas', from: 'detected', device: null, fileSystem: 'nfs4', resolved: path } as const;
  const { root } = roots.add({ path, origin: 'config', medium });
  const host = new SourceClient({ roots, ...options });
  onTestFinished(() => host[Symbol.asyncDispose]());
  return { roots, root, host };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = {};
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe.each([
  ['a local root, read by a thread', 'hdd'],
  ['a network root, read by a process', 'nas'],
] as const)('%s', (_, kind) => {
  it('tells what its files are', async () => {
    const top = tempTree({ 'a.ckpt': 'abc', dir: null });
    const { host } = hostOf(top, kind);
    const { mtimeNs, ctimeNs, ino } = statSync(join(top, 'a.ckpt'), { bigint: true });
    expect(await host.stat(join(top, 'a.ckpt'), soon)).toEqual({
      state: 'present',
      fingerprint: { size: 3, mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), ino: String(ino) },
    });
    expect(await host.stat(join(top, 'b.ckpt'), soon)).toEqual({ state: 'missing' });
    expect(await host.stat(join(top, 'a.ckpt', 'below'), soon)).toEqual({ state: 'missing' });
    expect(await host.stat(join(top, 'dir'), soon)).toEqual({ state: 'missing' });
    expect(await host.stat(join(top, '..', 'elsewhere'), soon)).toMatchObject({ state: 'away' });
  });

  it('whose mount has vanished is away, and its files are not deleted', async () => {
    const top = tempTree({ 'models/a.ckpt': 'x', 'models/b.ckpt': 'x' });
    const models = join(top, 'models');
    const { host, root } = hostOf(models, kind);
    expect(await host.identify(root, soon)).toMatchObject({ state: 'ok', facts: { real: models } });
    renameSync(models, join(top, 'was-mounted'));
    expect(await host.identify(root, soon)).toMatchObject({ state: 'away' });
    expect(await host.stat(join(models, 'a.ckpt'), soon)).toMatchObject({ state: 'away' });
    mkdirSync(join(models, '.Trash'), { recursive: true });
    expect(await host.stat(join(models, 'a.ckpt'), soon)).toMatchObject({
      state: 'away',
      why: expect.stringContaining('empty'),
    });
    rmSync(models, { recursive: true });
    renameSync(join(top, 'was-mounted'), models);
    rmSync(join(models, 'a.ckpt'));
    expect(await host.stat(join(models, 'a.ckpt'), soon)).toEqual({ state: 'missing' });
  });

  it('in whose place another file system stands is away until that turns out to be the same', async () => {
    const top = tempTree({ 'other.ckpt': 'x' });
    const { host, root } = hostOf(top, kind);
    host.trust(root, { device: '0', type: 0x6969, bytes: 1 });
    expect(await host.stat(join(top, 'a.ckpt'), soon)).toMatchObject({
      state: 'away',
      why: expect.stringContaining('another'),
    });
    expect(await host.stat(join(top, 'other.ckpt'), soon)).toMatchObject({ state: 'present' });
    const seen = await host.identify(root, soon);
    expect(seen).toMatchObject({ state: 'away', facts: { empty: false } });
    if (seen.facts) host.trust(root, { ...seen.facts.identity, device: 'of the last mount' });
    expect(await host.stat(join(top, 'a.ckpt'), soon)).toEqual({ state: 'missing' });
    expect(await host.identify(root, soon)).toEqual({ state: 'ok', facts: seen.facts });
  });

  it('does not take a link that leads nowhere for a deleted file', async () => {
    const top = tempTree({ 'a.ckpt': '-> /nowhere/a.ckpt', dir: '-> /nowhere', 'b.ckpt': 'x' });
    const { host } = hostOf(top, kind);
    expect(await host.stat(join(top, 'a.ckpt'), soon)).toMatchObject({ state: 'away' });
    expect(await host.stat(join(top, 'dir', 'x.ckpt'), soon)).toMatchObject({ state: 'away' });
  });

  it('is walked, without the roots inside it', async () => {
    const top = tempTree({ 'a.ckpt': 'x', 'sub/b.ckpt': 'xx', 'loras/c.ckpt': 'x' });
    const { host, root, roots } = hostOf(top, kind);
    roots.add({ path: join(top, 'loras'), origin: 'config' });
    const found: ListedFile[] = [];
    const walk = (directory?: string) =>
      host.walk(root, { ...(directory && { directory, recursive: false }), onFiles: (files) => found.push(...files) });
    expect(await walk()).toMatchObject({ files: 2, bytes: 3, failures: [] });
    expect(found.map(({ path }) => path).sort()).toEqual([join(top, 'a.ckpt'), join(top, 'sub', 'b.ckpt')]);
    for (const { path, fingerprint } of found) expect(await host.stat(path, soon)).toEqual({ state: 'present', fingerprint });
    found.length = 0;
    await walk(join(top, 'sub'));
    expect(found.map(({ path }) => path)).toEqual([join(top, 'sub', 'b.ckpt')]);
    await expect(walk(join(top, 'gone'))).rejects.toMatchObject({ code: 'SOURCE_IO' });
  });

  it('can be left in the middle of a walk', async () => {
    const top = tempTree(Object.fromEntries(Array.from({ length: 800 }, (_value, index) => [`${index}.ckpt`, ''])));
    const { host, root } = hostOf(top, kind);
    const stop = new AbortController();
    await expect(host.walk(root, { onFiles: () => stop.abort(), signal: stop.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await host.stat(join(top, '1.ckpt'), soon)).toMatchObject({ state: 'present' });
  });
});

describe('inodes', () => {
  it.each([
    ['cifs', false],
    ['fuse.sshfs', false],
    ['nfs4', true],
  ])('of %s count: %s', async (fileSystem, count) => {
    const top = tempTree({ 'a.ckpt': 'x' });
    const { host, root } = hostOf(top, 'nas', fileSystem);
    const inos: (string | null)[] = [];
    await host.walk(root, { onFiles: (files) => inos.push(...files.map(({ fingerprint }) => fingerprint.ino)) });
    const state = await host.stat(join(top, 'a.ckpt'), soon);
    const ino = count ? String(statSync(join(top, 'a.ckpt')).ino) : null;
    expect(state).toMatchObject({ fingerprint: { ino } });
    expect(inos).toEqual([ino]);
  });
});

/** SourcePool of a script, and what becomes of them. */
function scripted(script: URL) {
  const opened: URL[] = [];
  let ended: (why: string) => void = () => {};
  const firstEnd = new Promise<string>((resolve) => {
    ended = resolve;
  });
  const openProcess: OpenReader = (listener) => {
    opened.push(script);
    const onExit = (why: string) => {
      listener.onExit(why);
      ended(why);
    };
    return readerIn('process', script)({ ...listener, onExit });
  };
  return { opened, firstEnd, openProcess };
}

describe('a NAS that hangs', () => {
  it.each([
    ['silent', new URL('./readers/silent.mjs', import.meta.url)],
    ['blocked', new URL('./readers/blocked.mjs', import.meta.url)],
  ])('is away after the deadline, and its reader is killed and replaced (%s)', async (_, script) => {
    const top = tempTree({ 'a.ckpt': 'x' });
    const { opened, firstEnd, openProcess } = scripted(script);
    const { host, root } = ownHostOf(top, { openProcess, stallMs: 0, hangMs: 30, pauseMs: { first: 0, longest: 0 } });
    expect(await host.stat(join(top, 'a.ckpt'), { deadlineMs: 20 })).toMatchObject({ state: 'away' });
    // It does not wait for its own deadline.
    expect(await host.identify(root, { deadlineMs: 20_000 })).toMatchObject({ state: 'away', why: 'it hangs' });
    expect(await firstEnd).toBe('the reading process ended (SIGKILL)');
    expect(await host.stat(join(top, 'a.ckpt'), { deadlineMs: 20 })).toMatchObject({ state: 'away' });
    expect(opened).toHaveLength(2);
  });

  it('leaves local roots and other servers alone', async () => {
    const top = tempTree({ 'local/a.ckpt': 'x', 'nas/a.ckpt': 'x', 'other/a.ckpt': 'x' });
    const { openProcess } = scripted(new URL('./readers/silent.mjs', import.meta.url));
    let processes = 0;
    const firstHangs: OpenReader = (listener) => (processes++ === 0 ? openProcess : readerIn('process'))(listener);
    const { host, roots } = ownHostOf(join(top, 'nas'), { openProcess: firstHangs });
    const medium = { from: 'detected', fileSystem: 'ext4', resolved: top } as const;
    roots.add({ path: join(top, 'local'), origin: 'config', medium: { ...medium, kind: 'hdd', device: 'sda' } });
    roots.add({ path: join(top, 'other'), origin: 'config', medium: { ...medium, kind: 'nas', device: '//other/share' } });
    const hanging = host.stat(join(top, 'nas/a.ckpt'), { deadlineMs: 400 });
    expect(await host.stat(join(top, 'local/a.ckpt'), soon)).toMatchObject({ state: 'present' });
    expect(await host.stat(join(top, 'other/a.ckpt'), soon)).toMatchObject({ state: 'present' });
    expect(await hanging).toMatchObject({ state: 'away' });
  });

  it('needs one process for all roots on one share', async () => {
    const top = tempTree({ 'a/x': 'x', 'b/x': 'x' });
    let processes = 0;
    const openProcess: OpenReader = (listener) => {
      processes++;
      return readerIn('process')(listener);
    };
    const { host, roots } = ownHostOf(join(top, 'c'), { openProcess });
    const medium = { kind: 'nas', from: 'detected', device: '//nas/models', fileSystem: 'cifs', resolved: top } as const;
    for (const name of ['a', 'b']) roots.add({ path: join(top, name), origin: 'config', medium });
    expect(await host.stat(join(top, 'a/x'), soon)).toMatchObject({ state: 'present' });
    expect(await host.stat(join(top, 'b/x'), soon)).toMatchObject({ state: 'present' });
    expect(processes).toBe(1);
  });

  it('does not keep the daemon from ending', async () => {
    const program = new URL('./readers/ask-and-end.ts', import.meta.url);
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(program)], { timeout: patience(20_000) });
    expect(JSON.parse(stdout)).toEqual({ state: 'away', why: 'no answer within 50 ms' });
  });
});

it('a source whose reader has much to do is slow, neither missing nor away, and its root is no outage', async () => {
  const top = tempTree({ 'a.ckpt': 'x', 'b.ckpt': 'x' });
  const { host, root } = ownHostOf(top, { openProcess: busyReader(join(top, 'a.ckpt')), stallMs: 0, hangMs: 30 });
  const asked = { file: host.stat(join(top, 'b.ckpt'), { deadlineMs: 50 }), root: host.identify(root, { deadlineMs: 50 }) };
  let answered = 0;
  for (; answered < 1 || !(await isSettled(asked.root)); answered++) {
    expect(await host.stat(join(top, 'a.ckpt'), { ...soon, patient: true })).toMatchObject({ state: 'present' });
  }
  expect(await asked.file).toEqual({ state: 'slow', why: 'no answer within 50 ms' });
  expect(await asked.root).toEqual({ state: 'slow', why: 'no answer within 50 ms', facts: null });
  expect(answered).toBeGreaterThan(0);
});

it('a reader that crashes makes its source away, not the daemon', async () => {
  const top = tempTree({ 'a.ckpt': 'x' });
  const { host } = ownHostOf(top, { openProcess: scripted(new URL('./readers/crash.mjs', import.meta.url)).openProcess });
  expect(await host.stat(join(top, 'a.ckpt'), soon)).toEqual({ state: 'away', why: 'the reading process ended (7)' });
});

it('a small text is read, and one that is not there is no error', async () => {
  const top = tempTree({ 'extra_model_paths.yaml': 'a: b\n' });
  const { host } = hostOf(top, 'hdd');
  expect(await host.readText(join(top, 'extra_model_paths.yaml'), soon)).toBe('a: b\n');
  expect(await host.readText(join(top, 'none.yaml'), soon)).toBeNull();
});

const shm = '/dev/shm';
const hasShm = (() => {
  try {
    accessSync(shm, constants.W_OK);
    return process.platform === 'linux';
  } catch {
    return false;
  }
})();

describe.runIf(hasShm)('a local root with a link to another volume', () => {
  it('is answered for by whoever may touch that volume', async () => {
    const volume = mkdtempSync(join(shm, 'autocached-'));
    onTestFinished(() => rmSync(volume, { recursive: true }));
    fill(volume, { 'loras/b.ckpt': 'bb' });
    const top = tempTree({ 'a.ckpt': 'x', loras: `-> ${volume}/loras`, 'one.ckpt': `-> ${volume}/loras/b.ckpt` });
    const { host, root } = hostOf(top, 'hdd');
    expect(await host.stat(join(top, 'loras/b.ckpt'), soon)).toMatchObject({ state: 'present', fingerprint: { size: 2 } });
    expect(await host.stat(join(top, 'one.ckpt'), soon)).toMatchObject({ state: 'present', fingerprint: { size: 2 } });
    expect(await host.stat(join(top, 'loras/none.ckpt'), soon)).toEqual({ state: 'missing' });
    const { files, foreign } = await host.walk(root, { onFiles: () => {} });
    expect({ files, foreign: foreign.sort() }).toEqual({ files: 1, foreign: [join(top, 'loras'), join(top, 'one.ckpt')] });
    // The volume goes: what was behind the link is away, not deleted.
    rmSync(join(volume, 'loras'), { recursive: true });
    mkdirSync(join(volume, 'loras'));
    expect(await host.stat(join(top, 'loras/b.ckpt'), soon)).toMatchObject({ state: 'away' });
    expect(await host.stat(join(top, 'one.ckpt'), soon)).toMatchObject({ state: 'away' });
  });
});
