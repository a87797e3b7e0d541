import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { program } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { comfyuiUser, daemonUser, environment, group, isRoot, startShared, stranger } from '../helpers/two-users.ts';

test.runIf(isRoot)('two users share a daemon by a group, and nobody else', { timeout: patience(60_000) }, async () => {
  // Where users have a group each, what they make is open to it: shared with another group, that would let its members change copies.
  const { dir, state, cache } = await startShared('002');
  const model = join(dir, 'models', 'loras', 'a.safetensors');
  const bytes = writeModel(model, 100_000);

  for (const path of [state, cache])
    expect([path, statSync(path).mode & 0o7777, statSync(path).gid]).toEqual([path, 0o2750, group]);
  for (const name of ['token', 'daemon.json', 'directories.json']) {
    const { mode, gid } = statSync(join(state, name));
    expect([name, mode & 0o777, gid]).toEqual([name, 0o640, group]);
  }

  const run = (uid: number, gid: number, env: object, ...words: string[]) =>
    spawnSync(process.execPath, [program, ...words, '--state', state], {
      uid,
      gid,
      cwd: dir,
      encoding: 'utf8',
      env: { ...env },
    });
  const plain = { PATH: environment.PATH, HOME: dir };
  const warmed = run(comfyuiUser, group, { ...plain, ...environment }, 'warm', model);
  expect(warmed).toMatchObject({ status: 0, stdout: expect.stringContaining('1 of 1 file ready') });
  const found = run(comfyuiUser, group, { ...plain, ...environment }, 'lookup', model, '--json');
  const { path, reason } = JSON.parse(found.stdout);
  expect(reason).toBe('HIT');
  expect(readFileSync(path).equals(bytes)).toBe(true);
  expect(spawnSync('cat', [path], { uid: comfyuiUser, gid: group }).stdout.equals(bytes)).toBe(true);
  for (let folder = dirname(path); folder !== dirname(cache); folder = dirname(folder))
    expect([folder, statSync(folder).mode & 0o022]).toEqual([folder, 0]);
  expect(spawnSync('rm', ['-f', path], { uid: comfyuiUser, gid: group }).status).not.toBe(0);
  expect(spawnSync('cat', [path], { uid: stranger, gid: stranger }).status).not.toBe(0);

  // A member of the group who has not said that it trusts the other user believes nothing of theirs.
  expect(run(comfyuiUser, group, plain, 'status').stderr).toContain('belongs to another user');
  expect(run(stranger, stranger, { ...plain, ...environment }, 'status').status).toBe(3);

  // The daemon's own user, in a terminal that does not know of the group.
  const own = run(daemonUser, daemonUser, plain, 'status');
  expect(own).toMatchObject({ status: 1, stderr: expect.stringContaining(`set AUTOCACHE_GROUP=${group} in this environment`) });
  // A member of the group is not advised to make the cache writable.
  const member = { ...plain, ...environment };
  const { findings } = JSON.parse(run(comfyuiUser, group, member, 'doctor', '--url', 'http://127.0.0.1:1', '--json').stdout);
  const aboutCache = findings.filter(({ check }: { check: string }) => check === 'cache');
  expect(aboutCache).toContainEqual(
    expect.objectContaining({ verdict: 'ok', says: expect.stringContaining('that of the daemon') }),
  );
  expect(aboutCache.map(({ verdict }: { verdict: string }) => verdict)).not.toContain('fail');
});

test.runIf(isRoot)(
  "what was one user's alone is read by both once a group is named",
  { tags: 'slow', timeout: patience(60_000) },
  async () => {
    const alone = await startShared('077', { AUTOCACHE_GROUP: '' });
    const { dir, state } = alone;
    const model = join(dir, 'models', 'loras', 'a.safetensors');
    const bytes = writeModel(model, 100_000);
    const run = (uid: number, ...words: string[]) =>
      spawnSync(process.execPath, [program, ...words, '--state', state], {
        ...{ uid, gid: uid === daemonUser ? daemonUser : group, cwd: dir, encoding: 'utf8' as const },
        env: { ...environment, HOME: dir, ...(uid === daemonUser && { AUTOCACHE_GROUP: '' }) },
      });
    expect(run(daemonUser, 'warm', model)).toMatchObject({ status: 0 });
    await alone.end();

    await startShared('077', {}, dir);
    const { path, reason } = JSON.parse(run(comfyuiUser, 'lookup', model, '--json').stdout);
    expect(reason).toBe('HIT');
    const read = (file: string) => spawnSync('cat', [file], { uid: comfyuiUser, gid: group }).stdout;
    await vi.waitFor(() => expect(read(path).equals(bytes)).toBe(true), { timeout: patience(10_000) });
    expect(read(join(state, 'catalog.db')).length).toBeGreaterThan(0);
    expect(spawnSync('cat', [path], { uid: stranger, gid: stranger }).status).not.toBe(0);
  },
);
