import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeFile } from '../../src/codec/decode.ts';
import { readTail } from '../../src/codec/footer.ts';
import { CacheError, messageOf } from '../../src/core/errors.ts';
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
    const uncut = await killAtEveryStep(`compressed copies, back to ${to}`, goalSteps, (at) => run(at, { to, related: false }));
    expect(uncut.steps.filter((step) => step.includes('/cold/'))).not.toEqual([]);
  },
);

test('killed at every step where one compressed copy stands on the other, it keeps every file and loses no base', async () => {
  const uncut = await killAtEveryStep('copies that stand on others', goalSteps, (at) => run(at, { to: 'ssd', related: true }));
  expect(uncut.steps.filter((step) => step.includes('/cold/'))).not.toEqual([]);
});

interface Case {
  to: 'ssd' | 'ram';
  /** All files are fine-tunes of the first. */
  related: boolean;
}

/** Eight copies made in peace; then compressing is switched on, and the daemon is killed before step `at` (0 = not). */
async function run(at: number, { to, related }: Case): Promise<Life> {
  const dir = tempDir();
  const world = createWorld(dir, related);
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
  wrong.push(...(await unreadable(join(dir, 'cache', 'cold'), world)));
  if (at === 0 && related) expect(readsOthers(join(dir, 'cache', 'cold'))).toBe(true);
  await endDaemonProcess(second.child);
  rmSync(dir, { recursive: true });
  rmSync(memory, { recursive: true });
  return { fired, steps, wrong };
}

function createWorld(dir: string, related: boolean): World {
  const root = join(dir, 'models');
  let first: Buffer | null = null;
  const sources = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => {
    const path = join(root, `loras/${name}.safetensors`);
    const bytes = writeWeights(path, 200 * KiB, related ? first : null);
    first ??= bytes;
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

/** The compressed files in a folder that do not give back the bytes of a source. */
async function unreadable(cold: string, { sources }: World): Promise<string[]> {
  const wrong: string[] = [];
  for (const path of compressedIn(cold)) {
    const hash = createHash('sha256');
    const fd = openSync(path, 'r');
    const outcome = await decodeFile(fd, null, { path, onBytes: (bytes) => hash.update(bytes) }).catch(messageOf);
    closeSync(fd);
    const digest = hash.digest('hex');
    const isSource = sources.some(({ bytes }) => createHash('sha256').update(bytes).digest('hex') === digest);
    if (typeof outcome === 'string' || !isSource)
      wrong.push(`${path} does not give its bytes back: ${JSON.stringify(outcome)}`);
  }
  return wrong;
}

function readsOthers(cold: string): boolean {
  return compressedIn(cold).some((path) => {
    const fd = openSync(path, 'r');
    const { requires } = readTail(fd).metadata;
    closeSync(fd);
    return requires.includes('base');
  });
}

function compressedIn(cold: string): string[] {
  const files = join(cold, 'files');
  const names = existsSync(files) ? readdirSync(files, { recursive: true, encoding: 'utf8' }) : [];
  return names.filter((name) => name.endsWith('.zst')).map((name) => join(files, name));
}
