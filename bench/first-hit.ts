/**
 * Time from nothing to a first model out of the cache, by every way in that can be tried here: the archive for npm, a clone,
 * and the archive for Windows under Wine. npm has an empty cache, as on a fresh machine; packing, cloning and making a Windows are not timed.
 *
 *     node bench/first-hit.ts
 */
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { stageWindows } from '../config/release/windows.mjs';
import { Client } from '../src/cli/client.ts';
import { findWine, Wine } from '../test/windows/wine.ts';
import { Installed } from './installed.ts';

const MiB = 2 ** 20;
const modelBytes = 64 * MiB;
const repository = join(import.meta.dirname, '..');

interface Times {
  install: number;
  answer: number;
  hit: number;
  bytes: number;
}

const table = new Table({
  head: ['', 'install s', 'first answer s', 'first HIT s', 'in all s', 'takes MB'],
  style: { head: [], border: [] },
});
for (const [name, measure] of [
  ['npm install -g of the archive', byNpm],
  ['npm start in a clone', byClone],
  ['setup.cmd, under Wine', byWindows],
] as const) {
  const times = await measure();
  if (times === null) continue;
  const { install, answer, hit, bytes } = times;
  const seconds = [install, answer, hit, install + answer + hit].map((value) => value.toFixed(1));
  table.push([name, ...seconds, (bytes / 1e6).toFixed(0)]);
}
console.log(`A model of ${modelBytes / MiB} MiB on the local disk; load of the machine now ${loadOfMachine()}.\n`);
console.log(table.toString());

/** The archive that is published, installed by npm. */
async function byNpm(): Promise<Times> {
  await using installed = sample();
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', installed.dir], { cwd: repository });
  const archive = readdirSync(installed.dir).find((name) => name.endsWith('.tgz')) ?? '';
  const place = join(installed.dir, 'global');
  const args = ['install', '-g', '--prefix', place, '--no-audit', '--no-fund', join(installed.dir, archive)];
  const install = await timed(() => run('npm', args, { env: fresh(installed) }));
  const program = join(place, 'lib', 'node_modules', 'autocached');
  installed.command = [join(program, 'dist', 'bin', 'autocached.js')];
  const { client, answer } = await started(() => installed.start(), modelOf(installed));
  return { install, answer, hit: await hit(client, modelOf(installed)), bytes: sizeOf(program) };
}

/** The last commit, cloned. */
async function byClone(): Promise<Times> {
  await using installed = sample();
  const clone = join(installed.dir, 'clone');
  run('git', ['clone', '--quiet', repository, clone]);
  const child = spawn('npm', ['start'], { cwd: clone, env: fresh(installed), stdio: ['ignore', 'ignore', 'inherit'] });
  const gone = once(child, 'exit');
  let client: Client | null = null;
  const install = await timed(async () => {
    while (client === null) {
      await sleep(50);
      client = await Client.find(installed.stateDir).catch(() => null);
      if (child.exitCode !== null) throw new Error('npm start has failed; its own message is above');
    }
  });
  const found = client as unknown as Client;
  const { answer } = await started(async () => found, modelOf(installed));
  const times = { install, answer, hit: await hit(found, modelOf(installed)), bytes: sizeOf(clone) };
  await found.ask('POST', '/api/shutdown');
  await gone;
  return times;
}

/** The archive that a user unpacks, and setup.cmd for a portable ComfyUI. Wine runs no scheduled task, so its command starts the daemon. */
async function byWindows(): Promise<Times | null> {
  const loader = findWine();
  if (loader === null) {
    console.log('the set-up for Windows is left out: there is no Wine');
    return null;
  }
  await using installed = sample();
  const staged = stageWindows(installed.dir);
  const wine = new Wine({ loader, prefix: join(installed.dir, 'prefix'), program: join(installed.dir, 'unpacked') });
  await wine.boot();
  const portable = 'C:\\ComfyUI_windows_portable';
  const comfyui = wine.unix(`${portable}\\ComfyUI`);
  mkdirSync(join(comfyui, 'custom_nodes'), { recursive: true });
  for (const name of ['main.py', 'folder_paths.py']) writeFileSync(join(comfyui, name), '');
  const model = `${portable}\\ComfyUI\\models\\checkpoints\\a.safetensors`;
  writeModel(wine.unix(model));
  const stateDir = 'C:\\state';
  const env = {
    AUTOCACHE_STATE: stateDir,
    AUTOCACHE_DIR: 'C:\\cache',
    AUTOCACHE_ROOTS: `${portable}\\ComfyUI\\models=hdd`,
    AUTOCACHE_LISTEN: '127.0.0.1:0',
  };
  const setup = `Z:${join(wine.place.program, 'setup.cmd').replaceAll('/', '\\')}`;
  const install = await timed(async () => {
    cpSync(staged, wine.place.program, { recursive: true });
    await wine.run('cmd', ['/c', setup, portable, '--yes'], env);
  });
  const { child } = wine.start(join(wine.place.program, 'node.exe'), [wine.entry, 'start'], env);
  try {
    const { client, answer } = await started(() => windowsClient(wine.unix(stateDir)), model);
    return { install, answer, hit: await hit(client, model), bytes: sizeOf(wine.place.program) };
  } finally {
    child.kill('SIGKILL');
    wine.shutDown();
  }
}

async function windowsClient(stateDir: string): Promise<Client> {
  const file = join(stateDir, 'daemon.json');
  while (!existsSync(file)) await sleep(20);
  const token = readFileSync(join(stateDir, 'token'), 'utf8').trim();
  return new Client({ ...JSON.parse(readFileSync(file, 'utf8')), token, directories: [], pathMap: [] });
}

/** A folder of its own with one model. */
function sample(): Installed {
  const installed = new Installed('first-hit', (root) => ({ AUTOCACHE_ROOTS: `${root}=nas` }));
  writeModel(modelOf(installed));
  return installed;
}

function modelOf({ root }: Installed): string {
  return join(root, 'checkpoints', 'a.safetensors');
}

function writeModel(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, randomFillSync(Buffer.alloc(modelBytes)));
}

/** npm as on a fresh machine: nothing is in its cache. */
function fresh({ dir, env }: Installed): NodeJS.ProcessEnv {
  return { ...process.env, ...env, PATH: process.env['PATH'], npm_config_cache: join(dir, 'npm-cache') };
}

/** Seconds until the first answer to a lookup, of any kind. */
async function started(start: () => Promise<Client>, model: string): Promise<{ client: Client; answer: number }> {
  const from = performance.now();
  const client = await start();
  await lookup(client, model);
  return { client, answer: (performance.now() - from) / 1000 };
}

/** Seconds from then until the copy is served. */
function hit(client: Client, model: string): Promise<number> {
  return timed(async () => {
    while ((await lookup(client, model)) !== 'HIT') await sleep(20);
  });
}

async function lookup(client: Client, path: string): Promise<string> {
  return (await client.lookup({ path, purpose: 'load', waitMs: 0, client: null })).reason;
}

async function timed(work: () => unknown): Promise<number> {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
}

function run(program: string, args: readonly string[], options: SpawnOptions = {}): void {
  const { status } = spawnSync(program, args, { ...options, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} has failed; its own message is above`);
}

function sizeOf(dir: string): number {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((item) => item.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

function loadOfMachine(): string {
  return existsSync('/proc/loadavg') ? (readFileSync('/proc/loadavg', 'utf8').split(' ')[0] ?? '') : 'unknown';
}
