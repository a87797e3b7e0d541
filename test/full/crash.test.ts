import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { bytesHeld, violations, type World } from './oracles.ts';

const preload = fileURLToPath(new URL('./crash-points.ts', import.meta.url));
const MiB = 2 ** 20;
/** Every how many-th step is a crash point; 1 = all. */
const every = Number(process.env['CRASH_EVERY'] ?? 1);
const goalSteps = 25;

describe.each(['hdd', 'nas'] as const)(
  'the daemon, killed at every step of two copies and of a third that evicts one, on %s',
  (kind) => {
    test('comes back with what was whole, and with nothing else', async () => {
      const uncut = await run(kind, 0);
      expect(uncut.fired).toBe(false);
      expect(uncut.wrong).toEqual([]);
      const points = Array.from({ length: uncut.steps.length }, (_, index) => index + 1).filter((at) => at % every === 0);
      expect(uncut.steps.length).toBeGreaterThanOrEqual(goalSteps);
      let fired = 0;
      const wrong: string[] = [];
      for (const at of points) {
        const outcome = await run(kind, at);
        if (outcome.fired) fired += 1;
        wrong.push(...outcome.wrong.map((what) => `killed before step ${at} (${outcome.steps.at(-1)}): ${what}`));
      }
      console.log(
        `${kind}: ${points.length} crash points of ${uncut.steps.length} steps, ${fired} fired, ${wrong.length} violations`,
      );
      expect(wrong).toEqual([]);
      // The number of writes to the catalog differs a little from run to run; a matrix that misses more tests nothing.
      expect(fired).toBeGreaterThanOrEqual(points.length * 0.95);
    });
  },
);

interface Outcome {
  fired: boolean;
  steps: string[];
  wrong: string[];
}

/** One life of the daemon, cut short before step `at` (0 = not), and what is found in the next. */
async function run(kind: 'hdd' | 'nas', at: number): Promise<Outcome> {
  const dir = tempDir();
  const world = createWorld(dir);
  const settings = { AUTOCACHE_ROOTS: `${world.root}=${kind}`, AUTOCACHE_LIMIT: `${world.limit}`, AUTOCACHE_SCRUB: 'off' };
  const log = join(dir, 'steps');
  writeFileSync(log, '');
  const environment = { CRASH_AT: `${at}`, CRASH_LOG: log, CRASH_BELOW: join(dir, 'cache') };
  const nodeOptions = `--import=${preload}`;
  const first = await startDaemonProcess({ dir, settings, environment, nodeOptions }).catch(() => null);
  const held = first ? await use(first, world) : { most: 0 };
  const steps = readFileSync(log, 'utf8').trimEnd().split('\n');
  const fired = first === null || first.child.signalCode === 'SIGKILL';
  const wrong = held.most > world.limit ? [`O3: ${held.most} bytes were held, the limit is ${world.limit}`] : [];
  if (at > 0 && fired && steps.length < at) wrong.push('it was not the crash point that ended the daemon');
  if (first) await endDaemonProcess(first.child);

  const second = await startDaemonProcess({ dir, settings: { ...settings, AUTOCACHE_MODE: 'read-only' } });
  wrong.push(...(await violations(second, world)));
  await endDaemonProcess(second.child);
  rmSync(dir, { recursive: true });
  return { fired, steps, wrong };
}

function createWorld(dir: string): World {
  const root = join(dir, 'models');
  const sources = ['a', 'b', 'c'].map((name, index) => {
    const path = join(root, `loras/${name}.safetensors`);
    const bytes = writeModel(path, 1.2 * MiB + index);
    return { path, bytes, mtimeNs: statSync(path, { bigint: true }).mtimeNs };
  });
  return { root, sources, limit: 3 * MiB };
}

/** Copies a, b, and c, for which one of them must leave. Ends early when the daemon dies. */
async function use({ client, child, cacheDir }: DaemonProcess, { sources }: World): Promise<{ most: number }> {
  const dead = once(child, 'exit');
  let most = 0;
  const sampling = setInterval(() => {
    most = Math.max(most, bytesHeld(cacheDir));
  }, 5);
  try {
    for (const { path } of sources) {
      const answer = await client.warm({ paths: [path], wait: true });
      if (answer.ready !== 1) throw new Error(`${path} was not copied: ${JSON.stringify(answer)}`);
    }
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'NOT_RUNNING') throw error;
    await dead;
  } finally {
    clearInterval(sampling);
  }
  return { most };
}
