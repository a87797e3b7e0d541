import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { WarmRequest } from '../../src/api/api.ts';
import { CacheError } from '../../src/core/errors.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const preload = fileURLToPath(new URL('./crash-points.ts', import.meta.url));
const MiB = 2 ** 20;
const every = Number(process.env['CRASH_EVERY'] ?? 1);

/** Two models of which one fits into memory. */
function createWorld() {
  const dir = tempDir();
  const ramTop = tempDir('/dev/shm');
  const root = join(dir, 'models');
  const sources = ['a', 'b'].map((name) => {
    const path = join(root, `loras/${name}.safetensors`);
    return { path, bytes: writeModel(path, 1.2 * MiB) };
  });
  const ramDir = join(ramTop, 'ram');
  const settings = {
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_SCRUB: 'off',
    AUTOCACHE_RAM_DIR: ramDir,
    AUTOCACHE_RAM_LIMIT: '2MiB',
  };
  const log = join(dir, 'steps');
  const end = () => {
    rmSync(dir, { recursive: true });
    rmSync(ramTop, { recursive: true });
  };
  return { dir, ramDir, sources, settings, log, end };
}

type World = ReturnType<typeof createWorld>;

/** A life of the daemon that is cut short before step `at` (0 = not); undefined when it did not come to answer. */
function start({ dir, ramDir, settings, log }: World, at: number): Promise<DaemonProcess | undefined> {
  writeFileSync(log, '');
  const environment = { CRASH_AT: `${at}`, CRASH_LOG: log, CRASH_BELOW: ramDir };
  return startDaemonProcess({ dir, settings, environment, nodeOptions: `--import=${preload}` }).catch(() => undefined);
}

function stepsOf({ log }: World): string[] {
  return readFileSync(log, 'utf8').trimEnd().split('\n');
}

/** Both to the SSD; then each into memory, for the second of which the first one leaves. @returns the step it begins with */
async function use({ client, child }: DaemonProcess, world: World): Promise<number> {
  const dead = once(child, 'exit');
  const paths = world.sources.map(({ path }) => path);
  let begin = 0;
  try {
    await bring({ paths });
    begin = stepsOf(world).length + 1;
    for (const path of paths) await bring({ paths: [path], ram: true });
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'NOT_RUNNING') throw error;
    await dead;
  }
  return begin;

  /** On a busy machine a source may be late with an answer. */
  async function bring(request: WarmRequest): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const { missing, items } = await client.warm({ ...request, wait: true });
      if (missing === 0) return;
      if (tries === 5) throw new Error(`not brought: ${JSON.stringify(items)}`);
    }
  }
}

/** What is wrong with the next life: memory is not given back, or an answer is not true. */
async function violations(world: World): Promise<string[]> {
  const next = await startDaemonProcess({ dir: world.dir, settings: world.settings });
  const wrong = filesIn(world).map((path) => `${path} is still in memory`);
  const { tiers } = await next.client.stats();
  const ram = tiers.find(({ tier }) => tier === 'ram');
  if (ram?.files !== 0 || ram.bytes + ram.reserved !== 0) wrong.push(`the books tell of ${JSON.stringify(ram)}`);
  for (const { path, bytes } of world.sources) {
    const answer = await next.client.lookup({ path, purpose: 'metadata', waitMs: 0, client: null });
    if (answer.reason === 'ERROR' || answer.tier === 'ram')
      wrong.push(`${path} is answered ${answer.reason} in ${answer.tier}`);
    if (!readFileSync(answer.path).equals(bytes)) wrong.push(`${answer.path} is not its source`);
  }
  await endDaemonProcess(next.child);
  return wrong;
}

function filesIn({ ramDir }: World): string[] {
  const all = readdirSync(ramDir, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  return all
    .filter(({ name }) => !name.startsWith('autocached.lock') && name !== '.autocached')
    .map((one) => join(one.parentPath, one.name));
}

describe.runIf(process.platform === 'linux')('the daemon, killed at every step', () => {
  test('of a copy into memory and of another one for which it leaves', async () => {
    const uncut = createWorld();
    const daemon = await start(uncut, 0);
    if (!daemon) throw new Error('the daemon did not start');
    const begin = await use(daemon, uncut);
    const steps = stepsOf(uncut).length;
    await endDaemonProcess(daemon.child, 'SIGKILL');
    expect(filesIn(uncut)).not.toEqual([]);
    expect(await violations(uncut)).toEqual([]);
    uncut.end();
    const points = Array.from({ length: steps - begin + 1 }, (_, index) => begin + index).filter((at) => at % every === 0);
    const run = async (at: number) => {
      const world = createWorld();
      const first = await start(world, at);
      if (first) await use(first, world);
      const fired = first?.child.signalCode === 'SIGKILL';
      if (first) await endDaemonProcess(first.child, 'SIGKILL');
      const wrong = (await violations(world)).map((what) => `killed before step ${at} (${stepsOf(world)[at - 1]}): ${what}`);
      world.end();
      return { fired, wrong };
    };
    await runAll('copies into memory', points, run);
  });

  test('of emptying the memory of a daemon that was killed', async () => {
    const run = async (at: number) => {
      const world = createWorld();
      const first = await start(world, 0);
      if (first) await use(first, world);
      if (first) await endDaemonProcess(first.child, 'SIGKILL');
      const second = await start(world, at);
      const steps = stepsOf(world).length;
      if (second) await endDaemonProcess(second.child, 'SIGKILL');
      const wrong = (await violations(world)).map((what) => `killed before step ${at} of ${steps}: ${what}`);
      world.end();
      return { fired: second === undefined, wrong, steps };
    };
    const { steps } = await run(0);
    const points = Array.from({ length: steps }, (_, index) => index + 1).filter((at) => at % every === 0);
    await runAll('emptying', points, run);
  });
});

async function runAll(what: string, points: number[], run: (at: number) => Promise<{ fired: boolean; wrong: string[] }>) {
  const outcomes = [];
  for (const at of points) outcomes.push(await run(at));
  const fired = outcomes.filter((outcome) => outcome.fired).length;
  const wrong = outcomes.flatMap((outcome) => outcome.wrong);
  console.log(`${what}: ${points.length} crash points, ${fired} fired, ${wrong.length} violations`);
  expect(wrong).toEqual([]);
  // Writes to the catalog come a little earlier or later from run to run.
  expect(fired).toBeGreaterThanOrEqual(points.length * 0.9);
}
