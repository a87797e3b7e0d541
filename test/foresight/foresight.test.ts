import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Foresight, type ForesightDeps } from '../../src/foresight/foresight.ts';
import { LearnedWorkflows } from '../../src/foresight/learned-workflows.ts';
import { Warmer } from '../../src/usage/warmer.ts';
import { createLookupRig, withCopy } from '../helpers/lookup-rig.ts';

const MiB = 1024 * 1024;
const minute = 60_000;

afterEach(() => vi.useRealTimers());

const filesOf = (id: string) => [
  { path: `/models/${id}.safetensors`, category: 'checkpoints' },
  { path: `/models/lora-of-${id}.safetensors`, category: 'loras' },
];

function open(part: Partial<ForesightDeps> = {}) {
  vi.useFakeTimers();
  const idle = vi.fn<ForesightDeps['warmer']['idle']>(async () => []);
  const save = vi.fn();
  const log = { debug: vi.fn() } as unknown as ForesightDeps['log'];
  const foresight = new Foresight({
    mode: () => 'learn',
    warmer: { idle },
    workflows: { names: async () => [{ category: 'vae', name: 'a.safetensors' }] },
    room: () => 10 * MiB,
    store: { load: () => null, save },
    write: async (work) => work(),
    clock: { now: () => Date.now() },
    log,
    ...part,
  });
  onTestFinished(() => foresight[Symbol.asyncDispose]());
  /** Prompts of these workflows, five minutes apart. */
  const runs = async (ids: string) => {
    for (const id of ids) {
      foresight.prompt(filesOf(id));
      await vi.advanceTimersByTimeAsync(5 * minute);
    }
  };
  return { foresight, idle, save, runs, log };
}

describe('what likely comes next', () => {
  test('is copied with all of its files once the queue is quiet, and explained by what speaks for it', async () => {
    const { foresight, idle, runs } = open();
    await runs('abababababababababab');
    expect(idle.mock.lastCall).toEqual([filesOf('a').map(({ path }) => ({ item: path, ask: { path } })), 10 * MiB]);
    const foreseen = foresight.of('/models/lora-of-a.safetensors');
    expect(foreseen?.probability).toBeGreaterThan(0.4);
    expect(foreseen?.reasons.length).toBeGreaterThan(0);
    expect(foreseen?.reasons.length).toBeLessThan(4);
    expect(foresight.of('/models/b.safetensors')).toBeNull();
  });

  test('is not acted on while a prompt follows the other', async () => {
    const { foresight, idle } = open();
    for (const id of 'abababab') foresight.prompt(filesOf(id));
    expect(idle).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(minute);
    expect(idle.mock.calls.length).toBeLessThan(2);
  });

  test('is let be while fewer than three in ten of the last guesses were right, and taken up again when they are', async () => {
    const wrong = { ...new LearnedWorkflows(null).saved, judged: Array<boolean>(50).fill(false) };
    const { foresight, idle, runs } = open({ store: { load: () => wrong, save: vi.fn() } });
    await runs('ab'.repeat(6));
    expect(foresight.precision).toBeLessThan(0.3);
    expect(idle).not.toHaveBeenCalled();
    await runs('ab'.repeat(20));
    expect(foresight.precision).toBeGreaterThan(0.3);
    expect(idle).toHaveBeenCalled();
  });

  test.each(['off', 'queue'] as const)('is not foreseen with %s', async (mode) => {
    const { foresight, idle, runs } = open({ mode: () => mode });
    await runs('ababababab');
    expect(idle).not.toHaveBeenCalled();
    expect(foresight.of('/models/a.safetensors')).toBeNull();
  });

  test('outlives a restart, and a damaged record begins anew', async () => {
    const { foresight, save, runs } = open();
    await runs('ababababababababab');
    await foresight[Symbol.asyncDispose]();
    const saved = JSON.parse(JSON.stringify(save.mock.lastCall?.[0]));
    const again = open({ store: { load: () => saved, save: vi.fn() } });
    expect(again.foresight.of('/models/a.safetensors')?.probability).toBeGreaterThan(0.4);
    expect(open({ store: { load: () => ({ numbers: 'x' }), save: vi.fn() } }).foresight.of('/models/a.safetensors')).toBeNull();
  });

  test('two prompts that differ in their LoRAs only are one workflow', () => {
    const learned = new LearnedWorkflows(null);
    const [model, lora] = filesOf('a');
    if (!model || !lora) throw new Error('no files');
    expect(learned.ran([model, lora], 1)).toBe(true);
    expect(learned.ran([model], 2)).toBe(false);
    expect(learned.ran(filesOf('b'), 3)).toBe(true);
  });
});

test('the models of the open workflow are wanted, unless that is off', async () => {
  const { foresight, idle } = open();
  await foresight.hint({});
  expect(idle).toHaveBeenCalledWith([{ item: 'vae/a.safetensors', ask: { category: 'vae', name: 'a.safetensors' } }], 10 * MiB);
  const off = open({ mode: () => 'off' });
  expect(await off.foresight.hint({})).toEqual({ jobs: [] });
  expect(off.idle).not.toHaveBeenCalled();
});

describe('a copy of what is foreseen', () => {
  const warmerOn = (rig: ReturnType<typeof createLookupRig>) => new Warmer({ ...rig, options: { waitMaxMs: 30_000 } });

  test('is made where there is room', async () => {
    const rig = createLookupRig({ limit: 3 * MiB });
    const { path } = rig.source('loras/a.safetensors', MiB);
    const [item] = await warmerOn(rig).idle([{ item: path, ask: { path } }], 3 * MiB);
    expect(item?.job).toMatchObject({ priority: 'idle' });
    await rig.copier.activeJob(path)?.ended;
    expect(await rig.ask(path)).toMatchObject({ reason: 'HIT' });
  });

  test('is not even queued where there is none', async () => {
    const rig = createLookupRig({ limit: 3 * MiB });
    const { path } = rig.source('loras/a.safetensors', MiB);
    const [item] = await warmerOn(rig).idle([{ item: path, ask: { path } }], MiB - 1);
    expect(item?.job).toBeNull();
  });

  test('pushes no copy out, also when the room was taken meanwhile; a program that asks gets its copy as ever', async () => {
    const { rig, copy } = await withCopy({ limit: 3 * MiB });
    const { path } = rig.source('checkpoints/next.safetensors', 2 * MiB);
    await warmerOn(rig).idle([{ item: path, ask: { path } }], 10 * MiB);
    await rig.copier.activeJob(path)?.ended;
    expect(rig.planner.recentFailure(path)).toBeUndefined();
    expect(rig.catalog.copies.inState('ready').map(({ path }) => path)).toEqual([copy]);
    await warmerOn(rig).warm({ paths: [path], wait: true });
    expect(await rig.ask(path)).toMatchObject({ reason: 'HIT' });
  });
});
