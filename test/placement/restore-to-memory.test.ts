import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tiersOf } from '../helpers/demoter.ts';
import { flipBit } from '../helpers/files.ts';
import { createRamRig } from '../helpers/ram-rig.ts';

const MiB = 1024 * 1024;
const patience = { waitMs: 20_000 };

/** A rig whose one file lies compressed in the cold tier and nowhere else. */
async function withCold() {
  const rig = await createRamRig({ extra: ['cold'] });
  const rel = 'checkpoints/a.safetensors';
  const { path, bytes } = rig.weights(rel, 2 * MiB);
  for (const tier of ['ssd', 'cold'] as const) await rig.copy(path, tier);
  expect(tiersOf(rig, path)).toEqual(['cold']);
  const cold = rig.tiers.require('cold').placeOf(rig.root, rel).path ?? '';
  return { rig, path, bytes, cold, inMemory: rig.ram.placeOf(rig.root, rel).path };
}

test('a compressed file is restored into memory, nothing is written to the SSD, and it stays compressed', async () => {
  const { rig, path, bytes, inMemory } = await withCold();
  const answer = await rig.ask(path, patience);
  expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ram', path: inMemory });
  expect(readFileSync(answer.path).equals(bytes)).toBe(true);
  expect(existsSync(rig.placeOf(path))).toBe(false);
  expect(tiersOf(rig, path).sort()).toEqual(['cold', 'ram']);
  expect(await rig.ask(path)).toMatchObject({ reason: 'HIT_RAM' });
  expect(rig.catalog.usage.daily().at(-1)?.bytesCopied).toBeLessThan(4 * MiB);
});

test('when memory runs short it leaves, and the next load restores it again', { tags: 'slow' }, async () => {
  const { rig, path, inMemory } = await withCold();
  await rig.ask(path, patience);
  rig.leases.end({ app: 'comfyui', pid: 1 }, true);
  rig.memory.available = 0;
  rig.bound.floor = MiB;
  await rig.keeper.look();
  expect(tiersOf(rig, path)).toEqual(['cold']);
  rig.memory.available = 1e9;
  await rig.keeper.look();
  expect(await rig.ask(path, patience)).toMatchObject({ reason: 'HIT_AFTER_WAIT', path: inMemory });
});

test('it is the only way while the source is away', async () => {
  const { rig, path, bytes } = await withCold();
  rig.sources.away = 'the share does not answer';
  rmSync(path);
  const answer = await rig.ask(path, patience);
  expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ram' });
  expect(readFileSync(answer.path).equals(bytes)).toBe(true);
  expect(await rig.ask(path)).toMatchObject({ reason: 'HIT_OFFLINE', tier: 'ram' });
});

test('all who ask for it wait for one restore', async () => {
  const { rig, path } = await withCold();
  const first = await rig.ask(path);
  expect(first).toMatchObject({ reason: 'QUEUED', path, job: { tier: 'ram', priority: 'background' } });
  const answers = await Promise.all([rig.ask(path, patience), rig.ask(path, patience)]);
  expect(answers.map(({ reason }) => reason)).toEqual(['HIT_AFTER_WAIT', 'HIT_AFTER_WAIT']);
  expect(
    rig.copier
      .jobs()
      .filter(({ state }) => state === 'done')
      .map(({ tier }) => tier),
  ).toEqual(['ram', 'cold', 'ssd']);
});

test.each([
  ['there is no room in memory', (rig: Rig) => Object.assign(rig.memory, { available: 0 })],
  ['what would have to leave is worth more', fillMemory],
  ['it could not be restored to memory a moment ago', failInMemory],
])('it is restored to the SSD when %s', async (_, arrange) => {
  const { rig, path, bytes } = await withCold();
  await arrange(rig, path);
  await rig.ram.look();
  const answer = await rig.ask(path, patience);
  expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd', path: rig.placeOf(path) });
  expect(readFileSync(answer.path).equals(bytes)).toBe(true);
  expect(tiersOf(rig, path)).toEqual(['ssd']);
});

test('who warms it up finds it on the SSD, and a restore that is on its way there is waited for', async () => {
  const { rig, path } = await withCold();
  const file = rig.file(path);
  expect(rig.promotion.restore({ ...file, medium: 'hdd' }, 'warm')).toBeNull();
  const warming = rig.copier.request({ file, priority: 'warm', medium: 'hdd' });
  expect(rig.promotion.restore({ ...file, medium: 'hdd' }, 'wait')).toBeNull();
  expect(await rig.ask(path, patience)).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
  await warming.ended;
  expect(tiersOf(rig, path)).toEqual(['ssd']);
});

test('a damaged one is replaced by the bytes of its source', async () => {
  const { rig, path, bytes, cold } = await withCold();
  flipBit(cold, Math.floor(statSync(cold).size / 3));
  const answer = await rig.ask(path, patience);
  expect(answer.reason).toBe('HIT_AFTER_WAIT');
  expect(readFileSync(answer.path).equals(bytes)).toBe(true);
  expect(rig.seen.filter(({ name }) => name === 'copy-damaged')).toHaveLength(1);
});

type Rig = Awaited<ReturnType<typeof createRamRig>>;

/** With something that was used later. */
async function fillMemory(rig: Rig): Promise<void> {
  const { path } = await rig.inRam('loras/b.safetensors', 2 * MiB);
  rig.catalog.usage.used(rig.file(path));
  rig.catalog.usage.flush();
  rig.memory.available = MiB;
}

test('it takes the place of what is worth less', { tags: 'slow' }, async () => {
  const { rig, path, inMemory } = await withCold();
  await fillMemory(rig);
  for (let use = 0; use < 2; use += 1) rig.catalog.usage.used(rig.file(path));
  rig.catalog.usage.flush();
  await rig.ram.look();
  expect(await rig.ask(path, patience)).toMatchObject({ reason: 'HIT_AFTER_WAIT', path: inMemory });
  expect(rig.inMemoryNow()).toEqual(['checkpoints/a.safetensors']);
});

/** The job is cut off by a memory that is full for a moment. */
async function failInMemory(rig: Rig, path: string): Promise<void> {
  const job = rig.promotion.restore({ ...rig.file(path), medium: 'hdd' }, 'background');
  rig.memory.available = 0;
  await rig.ram.look();
  await job?.ended;
  expect(job?.error?.code).toBe('NO_SPACE');
  rig.memory.available = 1e9;
}
