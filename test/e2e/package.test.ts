import { execFile } from 'node:child_process';
import {
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parseAst } from 'rolldown/parseAst';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Installed } from '../../bench/installed.ts';
import { writeModel } from '../helpers/files.ts';
import { everyNode, pack, repository } from '../helpers/packed.ts';
import { patience } from '../helpers/patience.ts';

const run = promisify(execFile);
const MiB = 2 ** 20;

let dir: string;
/** As it is unpacked, with what it depends on taken from the sources' own `node_modules`. */
let unpacked: string;
let archive: string;
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'autocached-package-'));
  unpacked = join(dir, 'unpacked', 'autocached');
  archive = await pack(dir);
  mkdirSync(unpacked, { recursive: true });
  await run('tar', ['-xzf', archive, '-C', unpacked, '--strip-components=1']);
  const { dependencies } = read(join(unpacked, 'package.json'));
  for (const name of Object.keys(dependencies)) {
    const place = join(unpacked, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(repository, 'node_modules', name), place);
  }
}, patience(120_000));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Asks the program for one model twice around its copy. */
async function doesItsJob(node: string, program: string): Promise<void> {
  const installed = new Installed('package', (models) => ({
    AUTOCACHE_ROOTS: `${models}=nas`,
    AUTOCACHE_MIN_SIZE: '1KiB',
    AUTOCACHE_COMPRESS: 'cold',
  }));
  installed.node = node;
  installed.command = [program];
  onTestFinished(() => installed[Symbol.asyncDispose]());
  const command = async (...words: string[]) =>
    (await run(node, [program, ...words], { cwd: installed.dir, env: installed.env })).stdout;
  const model = join(installed.root, 'checkpoints', 'a.safetensors');
  const bytes = writeModel(model, 3 * MiB);
  await installed.start();
  expect(await command('lookup', model)).toContain('QUEUED');
  const { path, reason } = JSON.parse(await command('lookup', model, '--wait', '1m', '--json'));
  expect(reason).toMatch(/^HIT/);
  expect(readFileSync(path).equals(bytes)).toBe(true);
  expect(await command('verify', model)).not.toBe('');
  expect(await command('preset', 'list')).toContain('t2v');
  expect(await command('stop')).toContain('stopped');
}

describe('the packed program', { tags: 'slow' }, () => {
  test('brings what runs, and nothing of our work on it', () => {
    const files = readdirSync(unpacked, { recursive: true, withFileTypes: true })
      .filter((item) => item.isFile() && !item.parentPath.includes('node_modules'))
      .map((item) => join(item.parentPath, item.name).slice(unpacked.length + 1));
    expect(
      files.filter((name) => /\.(map|tsbuildinfo|pyc)$|(?<!\.d)\.ts$|^(test|bench|docs|\.ci)\/|release/.test(name)),
    ).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'npm-shrinkwrap.json',
        'dist/LICENCES.txt',
        'comfyui/hook.py',
        'config/comfyui-nodes.json',
        'clients/python/autocached/memo.py',
        '.env.example',
      ]),
    );
  });

  test('imports nothing that an installation does not bring', () => {
    const { dependencies } = read(join(unpacked, 'package.json'));
    const foreign = globSync('dist/**/*.js', { cwd: unpacked }).flatMap((file) =>
      parseAst(readFileSync(join(unpacked, file), 'utf8')).body.flatMap((part) =>
        'source' in part && part.source && !part.source.value.startsWith('.') ? [part.source.value] : [],
      ),
    );
    expect(foreign).toContain('better-sqlite3');
    expect([...new Set(foreign)].filter((name) => !isBuiltin(name) && !Object.hasOwn(dependencies, name))).toEqual([]);
  });

  test('gives other programs types that need no other package', async () => {
    const consumer = join(dir, 'consumer.ts');
    writeFileSync(
      consumer,
      `import { createMemo, createResolver, presets } from '${unpacked}/dist/src/index.js';\n` +
        `import { KeyvAutocached } from '${unpacked}/dist/src/keyv.js';\n` +
        `export const all: [object, object, unknown, object] = [createMemo({ namespace: 'a' }), createResolver(), presets, new KeyvAutocached()];\n`,
    );
    const options = '--ignoreConfig --noEmit --strict --module node20 --target es2024 --types node --typeRoots'.split(' ');
    await run(join(repository, 'node_modules/.bin/tsc'), [...options, join(repository, 'node_modules/@types'), consumer]).catch(
      ({ stdout }) => expect.fail(stdout),
    );
  });

  test.each(everyNode())('does its job on Node $version', { timeout: patience(60_000) }, async ({ version, node }) => {
    expect((await run(node, ['--version'])).stdout).toBe(`v${version}\n`);
    await doesItsJob(node, join(unpacked, 'dist/bin/autocached.js'));
  });
});

test('npm install -g of the archive takes at most 60 MB and does its job', {
  tags: 'slow',
  timeout: patience(180_000),
}, async ({ skip }) => {
  const prefix = join(dir, 'prefix');
  // What was installed once is in npm's cache, and needs no registry.
  const install = ['install', '--global', '--prefix', prefix, '--prefer-offline', '--fetch-retries=0', archive];
  const unreachable = await run('npm', install).then(
    () => undefined,
    ({ stderr }) =>
      /code (E(NOTFOUND|AI_AGAIN|CONN\w+|TIMEDOUT|NETUNREACH)|ENOTCACHED)/.test(stderr) ? stderr : expect.fail(stderr),
  );
  if (unreachable !== undefined) {
    console.warn('npm reaches no registry, so the installation of the archive is not tested');
    skip();
  }
  const home = join(prefix, 'lib/node_modules/autocached');
  const installed = readdirSync(home, { recursive: true }).map((name) => lstatSync(join(home, String(name))).blocks * 512);
  const bytes = installed.reduce((sum, size) => sum + size, 0);
  expect(bytes).toBeLessThan(60e6);
  const locked: Record<string, { version: string }> = read(join(repository, 'npm-shrinkwrap.json')).packages;
  for (const found of globSync('node_modules/{*,@*/*}/package.json', { cwd: home })) {
    expect(read(join(home, found)).version, found).toBe(locked[dirname(found)]?.version);
  }
  await doesItsJob(process.execPath, join(prefix, 'bin/autocached'));
});
