import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { mallocTunables } from '../../src/runtime/huge-pages.ts';
import { startDaemonProcess } from '../helpers/daemon-process.ts';

const root = join(import.meta.dirname, '..', '..');
const bin = join(root, 'bin', 'autocached.ts');

function node(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, out, err) => resolve({ code: Number(error?.code ?? 0), out, err }));
  });
}

describe('the program', () => {
  const asOld = (version: string) => {
    const code = `for (const [name, value] of [['version', '${version}'], ['versions', { ...process.versions, node: '${version.slice(1)}' }],
      ['execPath', '/usr/bin/node']]) Object.defineProperty(process, name, { value });`;
    return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
  };

  test.each(['v20.20.2', 'v22.21.1', 'v18.19.0'])(
    'installed alone on Node %s says in one line what it needs, and loads nothing',
    async (version) => {
      const alone = await mkdtemp(join(tmpdir(), 'autocached-bin-'));
      await copyFile(bin, join(alone, 'autocached.ts'));
      const ran = await node(...asOld(version), join(alone, 'autocached.ts'), '--version');
      await rm(alone, { recursive: true });
      expect(ran).toEqual({
        code: 2,
        out: '',
        err: expect.stringContaining(`autocached needs Node 22.22 or newer; this is ${version}.`),
      });
      expect(ran.err.trimEnd().split('\n')).toHaveLength(1);
    },
  );

  test('in the sources, on an old Node, says so and goes on with the Node that was installed there', async () => {
    const { code, out, err } = await node(...asOld('v20.20.2'), bin, '--version');
    expect(err).toBe('autocached: Node v20.20.2 is too old, so the one of npm start is used\n');
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  test.skipIf(process.platform === 'win32')('says it when its working directory was removed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'autocached-bin-'));
    const words = `cd '${dir}' && rmdir '${dir}' && exec '${process.execPath}' '${bin}' status`;
    const ran = await new Promise((resolve) => {
      execFile('/bin/sh', ['-c', words], (error, out, err) => resolve({ code: error?.code, out, err }));
    });
    expect(ran).toEqual({
      code: 1,
      out: '',
      err: 'autocached: the working directory does not exist any more\n  hint: run this command in another directory\n',
    });
  });

  test('hands its exit code to the shell', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'autocached-bin-'));
    const { code, err } = await node(bin, 'status', '--state', stateDir);
    await rm(stateDir, { recursive: true });
    expect(code).toBe(3);
    expect(err).toContain('the daemon is not running');
  });
});

test.skipIf(process.platform !== 'linux')('a daemon gives glibc its settings, as the same process', async () => {
  const { child, client } = await startDaemonProcess({ settings: {}, environment: { GLIBC_TUNABLES: undefined } });
  const { pid } = client.daemon;
  expect(child.pid).toBe(pid);
  // It may have replaced the colons.
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8').replaceAll('\0', ':')).toContain(`:GLIBC_TUNABLES=${mallocTunables}:`);
});

describe('the database is loaded', () => {
  const loads = (...modules: string[]) =>
    node(
      '--input-type=module',
      '--eval',
      `import { createRequire } from 'node:module';
      const require = createRequire(${JSON.stringify(pathToFileURL(bin).href)});
      for (const module of ${JSON.stringify(modules)}) await import(module);
      console.log(Object.keys(require.cache).some((path) => path.includes('better-sqlite3')));`,
    );
  const local = (path: string) => pathToFileURL(join(root, path)).href;

  test('by no program that uses the resolver, and by no command but start', { tags: 'slow' }, async () => {
    const required = pathToFileURL(join(root, 'node_modules', 'better-sqlite3', 'lib', 'index.js')).href;
    expect(await loads(required)).toMatchObject({ out: 'true\n' });
    expect(await loads(local('src/index.ts'))).toEqual({ code: 0, out: 'false\n', err: '' });
    const commands = readdirSync(join(root, 'src/cli/commands')).map((name) => local(`src/cli/commands/${name}`));
    expect(await loads(local('src/cli/program.ts'), ...commands)).toEqual({ code: 0, out: 'false\n', err: '' });
  });
});
