import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findDaemon } from '../../src/client/daemon-file.ts';
import { remoteFromEnvironment } from '../../src/config/env.ts';
import { createResolver } from '../../src/index.ts';
import { load } from '../config/load.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const token = 'a'.repeat(64);
const here = remoteFromEnvironment({});

/** A state directory as somebody has written it. */
function stateDir(file: Record<string, unknown>, secret = token) {
  const dir = tempDir();
  const daemon = { url: 'http://127.0.0.1:8189', pid: 1, version: '0', tokenFile: 'token', ...file };
  const files = { token: secret, 'daemon.json': JSON.stringify(daemon), 'directories.json': '{"directories":["/ssd"]}' };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 });
  return dir;
}

describe('what a daemon.json that somebody else has written can make a client send', () => {
  test.each([
    'http://192.0.2.1:8189',
    'http://evil.com',
    'https://127.0.0.1:8189',
    'http://127.0.0.1.evil.com:80',
    'http://[::2]:1',
    'file:///etc',
  ])('nothing to %s', (url) =>
    expect(() => findDaemon(stateDir({ url }), here)).toThrow(expect.objectContaining({ code: 'NOT_RUNNING' })),
  );

  test('not the token of another program: neither by its path, nor through a link, nor in the place of ours', () => {
    const other = join(tempDir(), 'token');
    writeFileSync(other, token, { mode: 0o600 });
    const refused = expect.objectContaining({ code: 'UNAUTHORIZED' });
    for (const tokenFile of [other, '../../token', '/dev/stdin', 'deeper/token'])
      expect(() => findDaemon(stateDir({ tokenFile }), here)).toThrow(refused);
    expect(() => findDaemon(stateDir({}, 'hf_abcdefghijklmnop'), here)).toThrow(refused);
    if (process.platform === 'win32') return;
    const dir = stateDir({ tokenFile: 'link' });
    symlinkSync(other, join(dir, 'link'));
    expect(() => findDaemon(dir, here)).toThrow(refused);
  });

  test.skipIf(process.platform === 'win32')('nothing when others can write the files, or read the token', () => {
    for (const [name, mode] of [
      ['', 0o777],
      ['daemon.json', 0o666],
      ['token', 0o644],
    ] as const) {
      const dir = stateDir({});
      chmodSync(join(dir, name), mode);
      expect(() => findDaemon(dir, here), name).toThrow();
    }
    const dir = stateDir({});
    chmodSync(join(dir, 'directories.json'), 0o666);
    expect(findDaemon(dir, here).directories).toEqual([]);
  });

  test('no .env names another daemon', () => {
    const dir = tempDir();
    writeFileSync(
      join(dir, '.env'),
      'AUTOCACHE_URL=http://evil.com\nAUTOCACHE_TOKEN_FILE=/home/ada/.cache/huggingface/token\n',
    );
    expect(() => load({}, { cwd: dir })).toThrow(/AUTOCACHE_URL: counts in the environment only/);
  });
});

describe('a program in a container', () => {
  test('is told by its environment where the daemon is, and what its directories are called here', () => {
    const file = join(tempDir(), 'secret');
    writeFileSync(file, token, { mode: 0o444 });
    const env = {
      AUTOCACHE_URL: 'http://host.docker.internal:8189',
      AUTOCACHE_TOKEN_FILE: file,
      AUTOCACHE_PATH_MAP: '/srv/cache=/cache',
    };
    expect(findDaemon('/nowhere', remoteFromEnvironment(env))).toMatchObject({
      url: env.AUTOCACHE_URL,
      token,
      directories: ['/cache'],
    });
    for (const bad of [{ AUTOCACHE_URL: 'nowhere' }, { AUTOCACHE_PATH_MAP: '/a' }, { AUTOCACHE_PATH_MAP: 'a=/b' }])
      expect(() => remoteFromEnvironment({ ...env, ...bad })).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }));
  });

  test.skipIf(process.platform === 'win32')(
    'gets copies by its own paths, with a token that outlives the daemon',
    { tags: 'slow' },
    async () => {
      const dir = tempDir();
      const kept = join(dir, 'kept');
      const named = ['AUTOCACHE_URL', 'AUTOCACHE_TOKEN_FILE', 'AUTOCACHE_PATH_MAP'];
      const rig = await runDaemon({ 'loras/a.safetensors': 1000 }, { AUTOCACHE_TOKEN_FILE: kept }, dir);
      await rig.client.warm({ paths: [join(rig.root, 'loras/a.safetensors')], wait: true });
      mkdirSync(join(dir, 'here'));
      for (const [as, path] of [
        ['models', rig.root],
        ['cache', join(dir, 'ssd')],
      ] as const)
        symlinkSync(path, join(dir, 'here', as));
      onTestFinished(() => {
        for (const key of named) Reflect.deleteProperty(process.env, key);
      });
      for (let runs = 0; runs < 2; runs += 1) {
        const map = `${join(dir, 'ssd')}=${join(dir, 'here/cache')};${rig.root}=${join(dir, 'here/models')}`;
        Object.assign(process.env, {
          AUTOCACHE_URL: rig.client.daemon.url,
          AUTOCACHE_TOKEN_FILE: kept,
          AUTOCACHE_PATH_MAP: map,
        });
        const resolver = createResolver({ stateDir: '/nowhere', timeoutMs: { connect: 5_000, answer: 5_000 } });
        const found = await resolver.resolve(join(dir, 'here/models/loras/a.safetensors'));
        resolver.close();
        expect(found).toMatchObject({ reason: 'HIT', path: expect.stringContaining(join(dir, 'here/cache')) });
        for (const key of named) Reflect.deleteProperty(process.env, key);
        await rig.restart();
      }
    },
  );
});
