import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { CacheError } from '../../src/core/errors.ts';
import { countingSteps, type Life } from '../full/kill-matrix.ts';
import { bytesHeld, filesBelow, violations, type World } from '../full/oracles.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { numbers, type TinyTensor, tensorOf, tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';
import { settled } from '../helpers/variants.ts';

const KiB = 1024;

/** Life in which a variant is made for the first time, or anew as its model has changed. */
export type Making = 'first' | 'anew';

/**
 * Has a variant made by a daemon that is killed before step `at` (0 = not), and looks at what the next one has: under the variant's name
 * lies the former one or the new one, byte for byte, and in the end the new one.
 */
export async function killedWhileMaking(making: Making, at: number): Promise<Life> {
  const dir = tempDir();
  const root = join(dir, 'models');
  const path = join(root, 'diffusion_models', 'wan.safetensors');
  const place = join(dir, 'cache', 'variants', 'diffusion_models', 'wan.autocached-fp8.safetensors');
  const limit = 1024 * KiB;
  const settings = { AUTOCACHE_ROOTS: `${root}=hdd`, AUTOCACHE_LIMIT: `${limit}`, AUTOCACHE_SCRUB: 'off' };

  writeSafetensors(path, tensors(1));
  const before = await startDaemonProcess({ dir, settings });
  await before.client.warm({ paths: [path], wait: true });
  const former = making === 'anew' ? await made(before, path) : null;
  const bytes = making === 'anew' ? writeSafetensors(path, tensors(2)) : readFileSync(path);
  // What a killed copy leaves is another matrix's.
  await before.client.warm({ paths: [path], wait: true });
  await endDaemonProcess(before.child);
  const world: World = { root, sources: [{ path, bytes, mtimeNs: statSync(path, { bigint: true }).mtimeNs }], limit };

  const log = join(dir, 'steps');
  writeFileSync(log, '');
  const below = ['cache/variants', 'cache/partial', 'state/variants'].map((name) => join(dir, name)).join(':');
  const environment = { CRASH_AT: `${at}`, CRASH_LOG: log, CRASH_BELOW: below, CRASH_ROWS: 'variants|variant_orders' };
  const first = await startDaemonProcess({ dir, settings, environment, nodeOptions: countingSteps }).catch(() => null);
  if (first) await untilDead(first, path);
  const steps = readFileSync(log, 'utf8').trimEnd().split('\n');
  const fired = first === null || first.child.signalCode === 'SIGKILL';
  if (first) await endDaemonProcess(first.child);

  const wrong: string[] = [];
  const left = existsSync(place) ? readFileSync(place) : null;
  if (former && !left) wrong.push('V1: no variant is there any more');
  const second = await startDaemonProcess({ dir, settings: { ...settings, AUTOCACHE_MODE: 'read-only' } });
  wrong.push(...(await violations(second, world)));
  const { variants } = await new VariantClient(second.client).list();
  const found = variants.find((one) => one.path === place);
  const others = filesBelow(join(dir, 'cache', 'variants')).filter((file) => file !== place);
  for (const file of others) wrong.push(`V2: ${file} was left`);
  await second.client.changeConfig({ mode: 'read-write' });
  const fresh = await made(second, path);
  const isFormer = left !== null && former !== null && left.equals(former);
  const isNew = left?.equals(fresh) === true;
  if (left && !isFormer && !isNew) wrong.push('V3: what is there is neither the former variant nor the new one');
  if (isNew !== (found?.state === 'ready')) wrong.push(`V4: ${isNew ? 'the new one' : 'none'} is there, it is ${found?.state}`);
  if (isFormer && !['waiting', 'stale'].includes(found?.state ?? '')) wrong.push(`V4: the former one is ${found?.state}`);
  const held = bytesHeld(join(dir, 'cache'));
  if (held > limit) wrong.push(`O3: ${held} bytes are held, the limit is ${limit}`);
  await endDaemonProcess(second.child);
  rmSync(dir, { recursive: true });
  return { fired, steps, wrong };
}

/** A model of one block; with another seed it has the same size. */
function tensors(seed: number): TinyTensor[] {
  const whole = tinyWan().filter(({ name }) => !name.startsWith('blocks.1.'));
  const name = 'blocks.0.self_attn.v.weight';
  return whole.map((one) => (one.name === name ? tensorOf(name, one.shape, numbers(64 * 64, seed)) : one));
}

/** @returns the bytes of the variant once it is made */
async function made({ client }: DaemonProcess, model: string): Promise<Buffer> {
  const { path } = await new VariantClient(client).make({ model, to: 'fp8' });
  const variant = await settled(client, path);
  expect(variant).toMatchObject({ state: 'ready', why: null });
  return readFileSync(path);
}

/** Ends early when the daemon dies. */
async function untilDead(daemon: DaemonProcess, model: string): Promise<void> {
  const dead = once(daemon.child, 'exit');
  try {
    await made(daemon, model);
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'NOT_RUNNING') throw error;
    await dead;
  }
}
