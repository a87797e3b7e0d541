import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeWeights } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { countingSteps, killAtEveryStep, type Life } from './kill-matrix.ts';
import { bytesHeld, violations, type World } from './oracles.ts';

const KiB = 1024;
const goalSteps = 30;

test.each(['ssd', 'ram'] as const)(
  'killed at every step of compressing two copies and of restoring one to %s, it keeps every file',
  async (to) => {
    const uncut = await killAtEveryStep(`compressed copies, back to ${to}`, goalSteps, (at) => run(at, to));
    expect(uncut.steps.filter((step) => step.includes('/cold/'))).not.toEqual([]);
  },
);

/** Eight copies made in peace; then compressing is switched on, and the daemon is killed before step `at` (0 = not). */
async function run(at: number, to: 'ssd' | 'ram'): Promise<Life> {
  const dir = tempDir();
  const world = createWorld(dir);
  const settings = { AUTOCACHE_ROOTS: `${world.root}=hdd`, AUTOCACHE_LIMIT: `${world.limit}`, AUTOCACHE_SCRUB: 'off' };
  const before = await startDaemonProcess({ dir, settings });
  const { ready } = await before.client.warm({ paths: world.sources.map(({ path }) => path), wait: true });
  expect(ready).toBe(world.sources.length);
  await endDaemonProcess(before.child);

  const log = join(dir, 'steps');
  writeFileSync(log, '');
  const memory = tempDir('/dev/shm');
  const environment = { CRASH_AT: `${at}`, CRASH_LOG: log, CRASH_BELOW: `${join(dir, 'cache')}:${memory}` };
  const ram = to === 'ram' && { AUTOCACHE_RAM_DIR: join(memory, 'ram'), AUTOCACHE_RAM_LIMIT: '2MiB' };
  const cold = { ...settings, ...ram, AUTOCACHE_COMPRESS: 'cold' };
  const first = await startDaemonProcess({ dir, settings: cold, environment, nodeOptions: countingSteps }).catch(() => null);
  if (first) await use(first, to);
  const steps = readFileSync(log, 'utf8').trimEnd().split('\n');
  const fired = first === null || first.child.signalCode === 'SIGKILL';
  const held = bytesHeld(join(dir, 'cache'));
  const wrong = held > world.limit ? [`O3: ${held} bytes are held, the limit is ${world.limit}`] : [];
  if (first) await endDaemonProcess(first.child);

  const second = await startDaemonProcess({ dir, settings: { ...cold, AUTOCACHE_MODE: 'read-only' } });
  wrong.push(...(await violations(second, world)));
  const { entries } = await second.client.entries({});
  const kept = entries.filter(({ copies }) => copies.some(({ state }) => state === 'ready')).length;
  if (kept < world.sources.length) wrong.push(`${world.sources.length - kept} files are in no tier any more`);
  await endDaemonProcess(second.child);
  rmSync(dir, { recursive: true });
  rmSync(memory, { recursive: true });
  return { fired, steps, wrong };
}

function createWorld(dir: string): World {
  const root = join(dir, 'models');
  const sources = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => {
    const path = join(root, `loras/${name}.safetensors`);
    const bytes = writeWeights(path, 200 * KiB);
    return { path, bytes, mtimeNs: statSync(path, { bigint: true }).mtimeNs };
  });
  return { root, sources, limit: 9.5 * 200 * KiB };
}

/** Until two copies are compressed and one is back. Ends early when the daemon dies. */
async function use({ client, child }: DaemonProcess, to: 'ssd' | 'ram'): Promise<void> {
  const dead = once(child, 'exit');
  try {
    let cold: string[] = [];
    while (cold.length < 2) {
      const { entries } = await client.entries({});
      const isCold = ({ copies }: (typeof entries)[number]) =>
        copies.every(({ tier, state }) => tier === 'cold' && state === 'ready');
      cold = entries.filter(isCold).map(({ path }) => path);
    }
    const answer = await client.lookup({ path: cold[0] ?? '', purpose: 'load', waitMs: 30_000, client: null });
    expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: to });
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'NOT_RUNNING') throw error;
    await dead;
  }
}
