import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type NpmRegistry, startNpmRegistry } from '../helpers/npm-registry.ts';
import { repository } from '../helpers/packed.ts';
import { patience } from '../helpers/patience.ts';

const run = promisify(execFile);
const slow = { tags: 'slow', timeout: patience(120_000) };
let dir: string;
let prefix: string;
let comfy: string;
let registry: NpmRegistry;
let env: Record<string, string>;

/** The built program under another version. Its packages with machine code lie beside it, so that no other registry is asked. */
async function release(version: string, change: (unpacked: string) => void = () => {}): Promise<string> {
  const unpacked = join(dir, version, 'package');
  cpSync(join(dir, 'unpacked', 'package'), unpacked, { recursive: true });
  const description = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
  writeFileSync(
    join(unpacked, 'package.json'),
    JSON.stringify({ ...description, version, dependencies: {}, devDependencies: {} }),
  );
  change(unpacked);
  const archive = join(dir, `autocached-${version}.tgz`);
  await run('tar', ['-czf', archive, '-C', join(dir, version), 'package']);
  return archive;
}

const breaksAtStart = (unpacked: string) =>
  writeFileSync(
    join(unpacked, 'dist/bin/autocached.js'),
    `#!/usr/bin/env node\nif (process.argv.includes('--version')) console.log('0.4.0');\nelse { console.error('broken at the start'); process.exitCode = 1; }\n`,
  );

beforeAll(async () => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'autocached-upgrade-')));
  prefix = join(dir, 'prefix');
  comfy = join(dir, 'ComfyUI');
  registry = await startNpmRegistry('autocached');
  env = {
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    HOME: dir,
    NODE_COMPILE_CACHE: join(dir, 'compiled'),
    npm_config_registry: registry.url,
    npm_config_cache: join(dir, 'npm'),
    npm_config_fetch_retries: '0',
    AUTOCACHE_DIR: join(dir, 'cache'),
    AUTOCACHE_STATE: join(dir, 'state'),
    AUTOCACHE_LISTEN: '127.0.0.1:0',
    AUTOCACHE_MIN_FREE: '1%',
    AUTOCACHE_COMFYUI: comfy,
  };
  for (const name of ['custom_nodes', 'models']) mkdirSync(join(comfy, name), { recursive: true });
  for (const name of ['main.py', 'folder_paths.py']) writeFileSync(join(comfy, name), '');
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: repository });
  const [{ filename }] = JSON.parse(stdout);
  mkdirSync(join(dir, 'unpacked'));
  await run('tar', ['-xzf', join(dir, filename), '-C', join(dir, 'unpacked')]);
  rmSync(join(dir, 'unpacked/package/npm-shrinkwrap.json'));
  const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    const place = join(prefix, 'lib/node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(repository, 'node_modules', name), place);
  }
  registry.publish('0.2.0', await release('0.2.0'));
  await run('npm', ['install', '--global', '--prefix', prefix, 'autocached'], { env, cwd: dir });
}, patience(120_000));
afterAll(async () => {
  await autocached('stop').catch(() => {});
  await registry[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
}, patience(60_000));

async function autocached(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const told = run(process.execPath, [join(prefix, 'bin/autocached'), ...args], { env, cwd: dir });
  return told.then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }) => ({ code, out: stdout, err: stderr }),
  );
}
const daemon = () => JSON.parse(readFileSync(join(dir, 'state/daemon.json'), 'utf8')) as { pid: number; version: string };
const modules = () => readdirSync(join(prefix, 'lib/node_modules')).filter((name) => name.includes('autocached'));

describe.skipIf(process.platform === 'win32')('upgrade of what npm has installed', () => {
  test('says that there is nothing newer, that the package is not published, or that npm cannot tell', slow, async () => {
    const { code, out } = await autocached('upgrade', '--check');
    expect(code).toBe(0);
    expect(out).toBe(`autocached 0.2.0: npm, in ${prefix}\nThis is the newest version.\n`);
    const { npm_config_registry: here = '' } = env;
    env['npm_config_registry'] = `${here}/nothing`;
    const unpublished = await autocached('upgrade', '--check', '--json');
    // A port on which nothing listens.
    Object.assign(env, { npm_config_registry: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' });
    const untold = await autocached('upgrade', '--json');
    delete env['npm_config_fetch_retries'];
    env['npm_config_registry'] = here;
    expect(unpublished.code).toBe(1);
    expect(JSON.parse(unpublished.out).error).toMatchObject({
      code: 'NOT_FOUND',
      message: 'the registry that npm asks has no package autocached',
    });
    expect(untold.code).toBe(1);
    expect(JSON.parse(untold.out).error.message).toContain('npm view autocached version');
  });

  test('shows the newer version and what it would do, and does nothing unasked', slow, async () => {
    registry.publish('0.3.0', await release('0.3.0'));
    expect((await autocached('start', '--detach')).code).toBe(0);
    expect((await autocached('comfyui', 'install', comfy)).code).toBe(0);
    const checked = await autocached('upgrade', '--check', '--json');
    expect(checked.code).toBe(4);
    expect(JSON.parse(checked.out)).toMatchObject({ installed: '0.2.0', newest: '0.3.0', isNewer: true, upgraded: false });
    const { code, out } = await autocached('upgrade', '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain('Newest: 0.3.0');
    expect(out).toContain(`npm install --global --prefix ${prefix} autocached@0.3.0`);
    expect(out).toContain(`restart the daemon (pid ${daemon().pid})`);
    expect(out).toContain(`renew the resolver in ${comfy}`);
    expect((await autocached('upgrade')).code).toBe(2);
    expect(daemon().version).toBe('0.2.0');
  });

  test('installs it, has the daemon run it, and renews the resolver', slow, async () => {
    const before = daemon();
    const { code, out, err } = await autocached('upgrade', '--yes', '--json');
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ upgraded: true, pid: daemon().pid, notRenewed: [] });
    expect(daemon().pid).not.toBe(before.pid);
    expect(daemon().version).toBe('0.3.0');
    expect((await autocached('--version')).out).toBe('0.3.0\n');
    expect(JSON.parse((await autocached('comfyui', 'status', comfy, '--json')).out)).toMatchObject({
      version: '0.3.0',
      upToDate: true,
    });
    expect(modules()).toEqual(['autocached']);
  });

  test('a version that does not start is taken back, and the daemon of the older one runs', slow, async () => {
    const { code, out, err } = await autocached('upgrade', '--yes', '--from', await release('0.4.0', breaksAtStart));
    expect(code, out).toBe(1);
    expect(err).toContain('autocached 0.4.0 does not start; 0.3.0 is back and runs');
    expect(err).toContain('broken at the start');
    expect((await autocached('--version')).out).toBe('0.3.0\n');
    expect(daemon().version).toBe('0.3.0');
    expect((await autocached('status')).code).toBe(0);
    expect(modules()).toEqual(['autocached']);
  });

  test('a version that is not what it says, or cannot be fetched, costs the daemon nothing', slow, async () => {
    const { pid } = daemon();
    const lying = await autocached('upgrade', '--yes', '--from', await release('0.5.0', breaksAtStart));
    expect(lying.code).toBe(1);
    expect(lying.err).toContain('says that it is 0.4.0, not 0.5.0');
    registry.publish('0.6.0', await release('0.6.0'));
    rmSync(join(dir, 'autocached-0.6.0.tgz'));
    writeFileSync(join(dir, 'autocached-0.6.0.tgz'), 'half of it');
    expect((await autocached('upgrade', '--yes')).code).toBe(1);
    expect(daemon()).toMatchObject({ pid, version: '0.3.0' });
    expect(modules()).toEqual(['autocached']);
  });
});
