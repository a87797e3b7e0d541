import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createRamRig } from '../helpers/ram-rig.ts';

const MiB = 1024 * 1024;

/** Three copies in memory, b used last but c never. */
async function arrange(options: { ramSoft?: number } = {}) {
  const rig = await createRamRig(options);
  const files = [];
  for (const name of ['a', 'b', 'c']) files.push(await rig.inRam(`loras/${name}.safetensors`, 10 * MiB));
  const [a, b, c] = files;
  if (!a || !b || !c) throw new Error('three were made');
  for (const { path } of [a, b]) rig.catalog.usage.used(rig.file(path));
  rig.bound.floor = 100 * MiB;
  /** Other programs leave so much of the memory. */
  const leave = async (bytes: number) => {
    rig.memory.available = bytes;
    await rig.keeper.look();
  };
  return { rig, a, b, c, leave };
}

test('while there is memory, nothing leaves', async () => {
  const { rig, leave } = await arrange();
  await leave(100 * MiB);
  expect(rig.inMemoryNow()).toHaveLength(3);
});

test('when memory runs short, just enough of the least valuable copies leave, and their copies on the SSD serve on', async () => {
  const { rig, b, c, leave } = await arrange();
  await leave(85 * MiB);
  expect(rig.inMemoryNow()).toEqual(['loras/b.safetensors']);
  expect(existsSync(c.copy)).toBe(false);
  expect((await rig.ask(c.path)).reason).toBe('HIT');
  expect((await rig.ask(b.path)).reason).toBe('HIT_RAM');
  expect(rig.warned).toEqual([]);
});

test('what is leased stays; that it does is said once, and again only after memory was enough between', {
  tags: 'slow',
}, async () => {
  const { rig, a, b, leave } = await arrange();
  for (const { copy } of [a, b]) rig.leases.grant(copy, { app: 'comfyui', pid: 1 });
  await leave(50 * MiB);
  await leave(49 * MiB);
  expect(rig.inMemoryNow()).toEqual(['loras/a.safetensors', 'loras/b.safetensors']);
  expect(rig.warned).toEqual([{ short: 40 * MiB, files: 2, bytes: 20 * MiB }]);
  await leave(500 * MiB);
  await leave(50 * MiB);
  expect(rig.warned).toHaveLength(2);
});

test.runIf(process.platform === 'linux')(
  'what a program has open stays, and leaves when it is done',
  { tags: 'slow' },
  async () => {
    const { rig, a, leave } = await arrange();
    const fd = openSync(a.copy, 'r');
    const reader = spawn('sleep', ['60'], { stdio: [fd, 'ignore', 'ignore'] });
    closeSync(fd);
    await leave(0);
    expect(rig.inMemoryNow()).toEqual(['loras/a.safetensors']);
    expect(rig.warned).toHaveLength(1);
    reader.kill();
    await once(reader, 'exit');
    await rig.keeper.look();
    expect(rig.inMemoryNow()).toEqual([]);
  },
);

test('a pinned file stays on the SSD, not in memory that others need', async () => {
  const { rig, a, leave } = await arrange();
  const entry = rig.catalog.entries.byPath(a.path);
  rig.catalog.entries.setPinned(entry?.id ?? 0, true);
  await leave(0);
  expect(rig.inMemoryNow()).toEqual([]);
  expect((await rig.ask(a.path)).reason).toBe('HIT');
});

test('the copy of a replaced source does not wait for anybody to need the room', { tags: 'slow' }, async () => {
  const { rig, a, leave } = await arrange();
  const [stale] = rig.catalog.copies.inState('ready').filter(({ path }) => path === a.copy);
  rig.catalog.copies.retire(stale?.id ?? 0);
  await leave(1e9);
  expect(existsSync(a.copy)).toBe(false);
  expect(rig.catalog.copies.byPath(a.copy)).toBeUndefined();
});

test('it looks by itself when it is started, until it is ended', async () => {
  const { rig } = await arrange();
  rig.memory.available = 85 * MiB;
  const shrunk = new Promise<void>((resolve) => rig.events.subscribe((name) => name === 'entry-evicted' && resolve()));
  rig.keeper.start();
  await shrunk;
  await rig.keeper[Symbol.asyncDispose]();
  expect(rig.inMemoryNow()).toEqual(['loras/b.safetensors']);
});

test('a copy into memory ends when memory runs short meanwhile, and nothing of it stays', { tags: 'slow' }, async () => {
  const rig = await createRamRig({ rates: { overall: 100e6, by: {} } });
  const { path } = rig.source('checkpoints/a.safetensors', 80 * MiB);
  await rig.copy(path);
  const job = rig.request(path, 'background', 'hdd', 'ram');
  await new Promise<void>((resolve) => rig.events.subscribe((name) => name === 'job-progress' && resolve()));
  rig.bound.floor = Number.MAX_SAFE_INTEGER;
  await job.ended;
  expect(job.view()).toMatchObject({
    state: 'failed',
    error: { code: 'NO_SPACE', message: expect.stringContaining('memory') },
  });
  expect(rig.catalog.placements.totals('ram')).toMatchObject({ files: 0, bytes: 0, reserved: 0 });
  expect((await rig.ask(path)).reason).toBe('HIT');
});

test('the tier is kept to its soft limit, the least valuable copy leaves first', async () => {
  const { rig, b, leave } = await arrange({ ramSoft: 0.5 });
  rig.bound.limit = 40 * MiB;
  await leave(1e9);
  expect(rig.inMemoryNow()).toEqual(['loras/a.safetensors', 'loras/b.safetensors']);
  rig.bound.limit = 39 * MiB;
  await leave(1e9);
  expect(rig.inMemoryNow()).toEqual(['loras/b.safetensors']);
  expect(existsSync(b.copy)).toBe(true);
});

test('a copy that is larger than the soft limit by itself stays', { tags: 'slow' }, async () => {
  const { rig, leave } = await arrange({ ramSoft: 0.5 });
  rig.bound.limit = 15 * MiB;
  await leave(1e9);
  expect(rig.inMemoryNow()).toEqual(['loras/b.safetensors']);
});
