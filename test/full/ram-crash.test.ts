import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { WarmRequest } from '../../src/api/api.ts';
import { CacheError } from '../../src/core/errors.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { countingSteps, killAtEveryStep } from './kill-matrix.ts';

const MiB = 2 ** 20;

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
  return startDaemonProcess({ dir, settings, environment, nodeOptions: countingSteps }).catch(() => undefined);
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
    .filter(({ name }) => !/^\.?autocached\.lock/.test(name) && name !== '.autocached')
    .map((one) => join(one.parentPath, one.name));
}

describe.runIf(process.platform === 'linux')('the daemon, killed at every step', () => {
  test('of a copy into memory and of another one for which it leaves', async () => {
    await killAtEveryStep('copies into memory', 20, async (at) => {
      const world = createWorld();
      const daemon = await start(world, at);
      const first = daemon ? await use(daemon, world) : 1;
      const steps = stepsOf(world);
      const fired = daemon?.child.signalCode === 'SIGKILL';
      if (daemon) await endDaemonProcess(daemon.child, 'SIGKILL');
      if (at === 0) expect(filesIn(world)).not.toEqual([]);
      const wrong = await violations(world);
      world.end();
      return { fired, steps, first, wrong };
    });
  });

  test('of emptying the memory of a daemon that was killed', async () => {
    await killAtEveryStep('emptying', 5, async (at) => {
      const world = createWorld();
      const first = await start(world, 0);
      if (first) await use(first, world);
      if (first) await endDaemonProcess(first.child, 'SIGKILL');
      const second = await start(world, at);
      const steps = stepsOf(world);
      if (second) await endDaemonProcess(second.child, 'SIGKILL');
      const wrong = await violations(world);
      world.end();
      return { fired: second === undefined, steps, wrong };
    });
  });
});
