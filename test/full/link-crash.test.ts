import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { countingSteps, killAtEveryStep, type Life } from './kill-matrix.ts';
import { violations, type World } from './oracles.ts';

const MiB = 2 ** 20;
const leastSteps = 15;

interface Case extends World {
  dir: string;
  settings: Record<string, string>;
}

/**
 * Two sources with the same bytes and mtime. With room for one, the second has to be a link; with room for both they are copied at
 * once and then joined.
 */
function createWorld(atOnce: boolean): Case {
  const dir = tempDir();
  const root = join(dir, 'models');
  const bytes = randomBytes(1.2 * MiB);
  const paths = ['a', 'b'].map((name) => join(root, `loras/${name}.safetensors`));
  mkdirSync(join(root, 'loras'), { recursive: true });
  for (const path of paths) {
    writeFileSync(path, bytes);
    utimesSync(path, 1_700_000_000, 1_700_000_000);
  }
  const limit = (atOnce ? 3 : 2) * MiB;
  const sources = paths.map((path) => ({ path, bytes, mtimeNs: statSync(path, { bigint: true }).mtimeNs }));
  const settings = {
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_LIMIT: `${limit}`,
    AUTOCACHE_SCRUB: 'off',
    AUTOCACHE_JOBS_PER_SOURCE: 'hdd=2',
  };
  return { dir, root, sources, limit, settings };
}

async function use({ client, child }: DaemonProcess, { sources }: World, atOnce: boolean): Promise<void> {
  const dead = once(child, 'exit');
  const paths = sources.map(({ path }) => path);
  try {
    for (const some of atOnce ? [paths] : paths.map((path) => [path])) {
      const { ready } = await client.warm({ paths: some, wait: true });
      if (ready !== some.length) throw new Error(`${some} were not copied`);
    }
    for (const path of paths) await client.explain(path);
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'NOT_RUNNING') throw error;
    await dead;
  }
}

async function run(atOnce: boolean, at: number): Promise<Life> {
  const world = createWorld(atOnce);
  const log = join(world.dir, 'steps');
  writeFileSync(log, '');
  const environment = { CRASH_AT: `${at}`, CRASH_LOG: log, CRASH_BELOW: join(world.dir, 'cache') };
  const { dir, settings } = world;
  const first = await startDaemonProcess({ dir, settings, environment, nodeOptions: countingSteps }).catch(() => null);
  if (first) await use(first, world, atOnce);
  // What is joined behind the answers ends with the daemon.
  if (first) await endDaemonProcess(first.child);
  const steps = readFileSync(log, 'utf8').trimEnd().split('\n');
  const fired = first === null || first.child.signalCode === 'SIGKILL';
  const second = await startDaemonProcess({ dir, settings: { ...settings, AUTOCACHE_MODE: 'read-only' } });
  const wrong = await violations(second, world);
  await endDaemonProcess(second.child);
  rmSync(dir, { recursive: true });
  return { fired, steps, wrong };
}

describe.each([
  ['of a copy and of a link to it', false],
  ['of two equal copies that are joined', true],
])('the daemon, killed at every step %s', (what, atOnce) => {
  test('comes back with what was whole, and with nothing else', async () => {
    const uncut = await killAtEveryStep(what, leastSteps, (at) => run(atOnce, at));
    expect(uncut.steps.some((step) => step.startsWith('linkSync'))).toBe(true);
  });
});
