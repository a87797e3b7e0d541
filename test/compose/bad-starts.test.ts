import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startDaemon } from '../../src/compose/daemon.ts';
import { loadConfig } from '../../src/config/config.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A start with these settings; the daemon ends with the test. */
async function start(dir: string, settings: Record<string, string> = {}) {
  const env = {
    AUTOCACHE_DIR: join(dir, 'ssd'),
    AUTOCACHE_STATE: join(dir, 'state'),
    AUTOCACHE_LISTEN: '127.0.0.1:0',
    AUTOCACHE_LOG: 'silent',
    ...settings,
  };
  const daemon = await startDaemon(loadConfig({ env, cwd: dir, home: dir }));
  onTestFinished(() => daemon[Symbol.asyncDispose]());
  return daemon;
}

const isPosix = process.platform !== 'win32';

describe('what is in the place of a file of ours is set aside, and the daemon starts', () => {
  test.each<[string, (path: string) => void]>([
    ['garbage', (path) => writeFileSync(path, 'garbage '.repeat(1000))],
    ['a folder', (path) => mkdirSync(path)],
    ...(isPosix ? [['a pipe', (path: string) => void execFileSync('mkfifo', [path])] as [string, (path: string) => void]] : []),
  ])('%s as lock or catalog', async (_what, put) => {
    const dir = tempDir();
    mkdirSync(join(dir, 'state'), { mode: 0o700 });
    for (const name of ['autocached.lock', '.autocached.lock', 'catalog.db']) put(join(dir, 'state', name));
    await start(dir);
    const names = readdirSync(join(dir, 'state'));
    expect(names).toEqual(expect.arrayContaining(['autocached.lock.damaged-1', 'catalog.db.damaged-1']));
  });

  test.each(['token', 'directories.json', 'daemon.json'])('a folder as %s', async (name) => {
    const dir = tempDir();
    mkdirSync(join(dir, 'state', name), { recursive: true, mode: 0o700 });
    writeFileSync(join(dir, 'state', name, 'somebody’s'), 'mine');
    const { url } = await start(dir);
    expect(readFileSync(join(dir, 'state', `${name}.damaged-1`, 'somebody’s'), 'utf8')).toBe('mine');
    expect(JSON.parse(readFileSync(join(dir, 'state/daemon.json'), 'utf8'))).toMatchObject({ url });
  });

  test('a folder that comes in the place of daemon.json while it runs does not keep it from ending', async () => {
    const rig = await runDaemon({ 'loras/a.safetensors': 1000 });
    const file = join(rig.stateDir, 'daemon.json');
    rmSync(file);
    mkdirSync(file);
    await rig.end();
    await rig.restart();
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid });
  });

  test.each(['partial', 'files', 'seals'])('a file as the folder %s', async (name) => {
    const rig = await runDaemon({ 'loras/a.safetensors': 1000 });
    await rig.end();
    const folder = join(rig.dir, 'ssd', name);
    rmSync(folder, { recursive: true, force: true });
    writeFileSync(folder, 'precious');
    await rig.restart();
    expect(readFileSync(`${folder}.damaged-1`, 'utf8')).toBe('precious');
    const source = join(rig.root, 'loras/a.safetensors');
    expect(await rig.client.warm({ paths: [source], wait: true })).toMatchObject({ missing: 0 });
  });
});

describe('a second daemon does not come in', () => {
  test('by a folder of the first one’s cache', async () => {
    const dir = tempDir();
    await start(dir, { AUTOCACHE_COMPRESS: 'cold' });
    for (const inside of ['cold', 'files', 'new/deep']) {
      const settings = { AUTOCACHE_DIR: join(dir, 'ssd', inside), AUTOCACHE_STATE: join(dir, 'other') };
      await expect(start(dir, settings)).rejects.toMatchObject({
        code: 'BAD_CONFIG',
        message: expect.stringContaining('lies inside'),
      });
    }
  });

  test.runIf(process.platform === 'linux')('by a folder of its directory in memory', async () => {
    const [dir, ram] = [tempDir(), tempDir('/dev/shm')];
    const settings = { AUTOCACHE_RAM_DIR: join(ram, 'first'), AUTOCACHE_RAM_LIMIT: '10MiB' };
    await start(dir, settings);
    const other = { AUTOCACHE_DIR: join(dir, 'other'), AUTOCACHE_STATE: join(dir, 'others') };
    await expect(start(dir, { ...other, ...settings, AUTOCACHE_RAM_DIR: join(ram, 'first/second') })).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('lies inside'),
    });
  });

  test.runIf(isPosix)('and leaves the state directory of the first one shared as it is', async () => {
    const dir = tempDir();
    const group = `${process.getgid?.()}`;
    await start(dir, { AUTOCACHE_GROUP: group });
    const modes = () => ['state', 'ssd'].map((name) => (statSync(join(dir, name)).mode & 0o7777).toString(8));
    expect(modes()).toEqual(['2750', '2750']);
    for (const settings of [{}, { AUTOCACHE_GROUP: group }, { AUTOCACHE_DIR: join(dir, 'other') }]) {
      await expect(start(dir, settings)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
      expect(modes()).toEqual(['2750', '2750']);
    }
    const second = { AUTOCACHE_STATE: join(dir, 'second'), AUTOCACHE_GROUP: process.getuid?.() === 0 ? '1' : group };
    await expect(start(dir, second)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
    expect(modes()).toEqual(['2750', '2750']);
    expect(`${statSync(join(dir, 'ssd')).gid}`).toBe(group);
  });

  test('when somebody has removed the lock as a leftover', async () => {
    const dir = tempDir();
    await start(dir);
    for (const held of ['ssd', 'state']) rmSync(join(dir, held, 'autocached.lock'));
    await expect(start(dir)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
    await expect(start(dir, { AUTOCACHE_STATE: join(dir, 'other') })).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
  });

  test.runIf(process.platform === 'linux')('when somebody has removed all locks as leftovers, again and again', async () => {
    const dir = tempDir();
    await start(dir);
    const locks = ['ssd', 'state'].flatMap((held) =>
      ['autocached.lock', '.autocached.lock'].map((name) => join(dir, held, name)),
    );
    for (const _time of [1, 2]) {
      for (const lock of locks) rmSync(lock, { force: true });
      await expect(start(dir)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
      await expect(start(dir, { AUTOCACHE_STATE: join(dir, 'other') })).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
    }
  });
});

describe('what is ours is no model folder', () => {
  test('the state directory, or a folder in it', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'state', 'models'), { recursive: true });
    for (const root of ['state', 'state/models'])
      await expect(start(dir, { AUTOCACHE_ROOTS: `${join(dir, root)}=hdd` })).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  });

  test('the cache of another daemon, which removes its copies as it likes', async () => {
    const [dir, other] = [tempDir(), tempDir()];
    await start(other);
    for (const root of ['ssd', 'ssd/files'])
      await expect(start(dir, { AUTOCACHE_ROOTS: `${join(other, root)}=hdd` })).rejects.toMatchObject({
        code: 'BAD_CONFIG',
        message: expect.stringContaining('the cache directory of another autocached'),
      });
  });

  test.runIf(isPosix && process.getuid?.() === 0)('the cache by another path: a bind mount', async ({ skip }) => {
    const dir = tempDir();
    const rig = await runDaemon({ 'loras/a.safetensors': 1000 }, {}, dir);
    const at = join(dir, 'bound');
    mkdirSync(at);
    for (const part of ['', 'files']) {
      mkdirSync(join(dir, 'ssd', part), { recursive: true });
      try {
        execFileSync('mount', ['--bind', join(dir, 'ssd', part), at], { stdio: 'ignore' });
      } catch {
        skip('this machine lets nobody mount');
      }
      try {
        await rig.end();
        await expect(rig.restart({ AUTOCACHE_ROOTS: `${at}=hdd` })).rejects.toMatchObject({ code: 'BAD_CONFIG' });
      } finally {
        execFileSync('umount', [at]);
      }
    }
  });
});

test.runIf(isPosix)(
  'an old state directory that others could read is closed, and one that all could write to, too',
  async () => {
    const dir = tempDir();
    for (const [name, mode] of [
      ['state', 0o755],
      ['ssd', 0o777],
    ] as const) {
      mkdirSync(join(dir, name));
      chmodSync(join(dir, name), mode);
    }
    await start(dir);
    expect(statSync(join(dir, 'state')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'ssd')).mode & 0o022).toBe(0);
  },
);

describe('a yaml of ComfyUI with a faulty text ends the start', () => {
  test.each([
    ['no YAML', Buffer.from('a: [b\n c: :\n'), 'line 1'],
    ['Latin-1', Buffer.from('a:\n  loras: /mnt/m\xf6del\n', 'latin1'), 'is not UTF-8'],
  ])('%s', async (_what, text, said) => {
    const dir = tempDir();
    writeFileSync(join(dir, 'extra_model_paths.yaml'), text);
    await expect(start(dir, { AUTOCACHE_COMFYUI: dir })).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringMatching(new RegExp(`extra_model_paths\\.yaml.*${said}`)),
    });
  });
});

describe.runIf(isPosix)(
  'a yaml of ComfyUI that cannot be read is told; the daemon starts with the own folders of ComfyUI',
  () => {
    test.each<[string, (file: string) => void, string]>([
      ['a folder', (file) => mkdirSync(file), 'is a folder'],
      ['a pipe', (file) => execFileSync('mkfifo', [file]), 'is no regular file'],
      ['a circle of links', (file) => symlinkSync(file, file), 'too many symbolic links'],
      ['too large', (file) => writeFileSync(file, Buffer.alloc(2 ** 20 + 1, 'a')), 'at most 1048576 were expected'],
    ])('%s', async (_what, put, said) => {
      const rig = await runDaemon({ 'loras/a.safetensors': 1000 });
      await rig.end();
      const comfyui = join(rig.dir, 'ComfyUI');
      const model = join(comfyui, 'models/checkpoints/b.safetensors');
      mkdirSync(join(model, '..'), { recursive: true });
      writeFileSync(model, Buffer.alloc(1000));
      const file = join(comfyui, 'extra_model_paths.yaml');
      put(file);
      await rig.restart({ AUTOCACHE_COMFYUI: comfyui });
      const told = `only the own folders of ${comfyui} are roots: .*extra_model_paths\\.yaml.*${said}`;
      expect((await rig.client.stats()).warnings).toEqual([expect.stringMatching(new RegExp(told))]);
      expect(await rig.client.warm({ paths: [model, join(rig.root, 'loras/a.safetensors')], wait: true })).toMatchObject({
        missing: 0,
      });
    });
  },
);
