import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, vi } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { countingSteps, killAtEveryStep, type Life } from './kill-matrix.ts';
import { bytesHeld, violations, type World } from './oracles.ts';

const MiB = 2 ** 20;

type Kind = 'hdd' | 'nas';

interface Scenario {
  name: string;
  /** Bytes of the sources, and of the limit. */
  sizes: number[];
  limit: number;
  /**
   * The life before the one that is cut short: there was none; it was killed in the middle of a copy, whose unfinished file and
   * journal stay; or it made all copies, and then its catalog was lost.
   */
  before: 'nothing' | 'killed while copying' | 'catalog lost';
  /** Whether all sources are asked for at once. */
  together?: boolean;
  leastSteps: number;
}

const scenarios: Scenario[] = [
  {
    name: 'two copies and a third that evicts one',
    sizes: [1.2 * MiB, 1.2 * MiB + 1, 1.2 * MiB + 2],
    limit: 3 * MiB,
    before: 'nothing',
    leastSteps: 25,
  },
  {
    name: 'the resume of a killed copy',
    sizes: [60 * MiB + 5],
    limit: 80 * MiB,
    before: 'killed while copying',
    leastSteps: 25,
  },
  {
    name: 'the start after the catalog was lost',
    sizes: [1.2 * MiB, 1.2 * MiB + 1, 1.2 * MiB + 2],
    limit: 5 * MiB,
    before: 'catalog lost',
    leastSteps: 6,
  },
  {
    name: 'five small copies at once, in a cache for four',
    sizes: [5000, 5001, 5002, 5003, 5004],
    limit: 20_500,
    before: 'nothing',
    together: true,
    leastSteps: 40,
  },
];

const cases = scenarios.flatMap((scenario) => (['hdd', 'nas'] as const).map((kind) => ({ ...scenario, kind })));

describe.each(cases)('the daemon, killed at every step of $name, on $kind', ({ kind, ...scenario }) => {
  test('comes back with what was whole, and with nothing else', async () => {
    await killAtEveryStep(`${scenario.name}, on ${kind}`, scenario.leastSteps, (at) => run(scenario, kind, at));
  });
});

/** One life of the daemon, cut short before step `at` (0 = not), and what is found in the next. */
async function run(scenario: Scenario, kind: Kind, at: number): Promise<Life> {
  const dir = tempDir();
  const world = createWorld(dir, scenario);
  const settings = { AUTOCACHE_ROOTS: `${world.root}=${kind}`, AUTOCACHE_LIMIT: `${world.limit}`, AUTOCACHE_SCRUB: 'off' };
  if (scenario.before === 'killed while copying') await interrupt({ dir, settings }, world);
  if (scenario.before === 'catalog lost') await loseCatalog({ dir, settings }, world);
  const log = join(dir, 'steps');
  writeFileSync(log, '');
  const environment = { CRASH_AT: `${at}`, CRASH_LOG: log, CRASH_BELOW: join(dir, 'cache') };
  const first = await startDaemonProcess({ dir, settings, environment, nodeOptions: countingSteps }).catch(() => null);
  const held = first ? await use(first, world, scenario.together) : { most: 0 };
  const steps = readFileSync(log, 'utf8').trimEnd().split('\n');
  const fired = first === null || first.child.signalCode === 'SIGKILL';
  const wrong = held.most > world.limit ? [`O3: ${held.most} bytes were held, the limit is ${world.limit}`] : [];
  if (first) await endDaemonProcess(first.child);

  const second = await startDaemonProcess({ dir, settings: { ...settings, AUTOCACHE_MODE: 'read-only' } });
  wrong.push(...(await violations(second, world)));
  await endDaemonProcess(second.child);
  rmSync(dir, { recursive: true });
  return { fired, steps, wrong };
}

/** Kills a daemon in the middle of its copy, as soon as there is something to go on from. */
async function interrupt(options: { dir: string; settings: Record<string, string> }, { sources }: World): Promise<void> {
  const settings = { ...options.settings, AUTOCACHE_RATE: '40MiB' };
  const { client, child, cacheDir } = await startDaemonProcess({ ...options, settings });
  const paths = sources.map(({ path }) => path);
  await client.warm({ paths });
  await vi.waitUntil(() => readdirSync(join(cacheDir, 'partial')).some((name) => name.endsWith('.journal')), {
    timeout: 60_000,
    interval: 5,
  });
  await endDaemonProcess(child, 'SIGKILL');
  if (readdirSync(join(cacheDir, 'partial')).length === 0) throw new Error('the copy ended before it was interrupted');
}

/** A life that makes all copies, and whose catalog is gone after it. */
async function loseCatalog(options: { dir: string; settings: Record<string, string> }, world: World): Promise<void> {
  const daemon = await startDaemonProcess(options);
  await use(daemon, world);
  await endDaemonProcess(daemon.child);
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(options.dir, `state/catalog.db${suffix}`), { force: true });
}

function createWorld(dir: string, { sizes, limit }: Scenario): World {
  const root = join(dir, 'models');
  const sources = sizes.map((size, index) => {
    const path = join(root, `loras/${'abcde'[index]}.safetensors`);
    const bytes = writeModel(path, Math.floor(size));
    return { path, bytes, mtimeNs: statSync(path, { bigint: true }).mtimeNs };
  });
  return { root, sources, limit };
}

/** Copies all sources, one after the other or together. Ends early when the daemon dies. */
async function use(
  { client, child, cacheDir }: DaemonProcess,
  { sources }: World,
  together = false,
): Promise<{ most: number }> {
  const dead = once(child, 'exit');
  let most = 0;
  const sampling = setInterval(() => {
    most = Math.max(most, bytesHeld(cacheDir));
  }, 5);
  try {
    const paths = sources.map(({ path }) => path);
    for (const wanted of together ? [paths] : paths.map((path) => [path])) {
      const answer = await client.warm({ paths: wanted, wait: true });
      if (answer.ready < Math.max(1, wanted.length - 1))
        throw new Error(`${wanted} were not copied: ${JSON.stringify(answer)}`);
    }
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'NOT_RUNNING') throw error;
    await dead;
  } finally {
    clearInterval(sampling);
  }
  return { most };
}
