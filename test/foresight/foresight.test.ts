import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WarmItem } from '../../src/api/api.ts';
import { Foresight, type ForesightDeps } from '../../src/foresight/foresight.ts';
import { LearnedWorkflows } from '../../src/foresight/learned-workflows.ts';
import { ForeseenFiles } from '../../src/policy/foreseen-files.ts';
import { Warmer } from '../../src/usage/warmer.ts';
import { createLookupRig, withCopy } from '../helpers/lookup-rig.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { soon } from '../helpers/patience.ts';
import { createRamRig } from '../helpers/ram-rig.ts';

const MiB = 1024 * 1024;
const minute = 60_000;

afterEach(() => vi.useRealTimers());

const filesOf = (id: string) => [
  { path: `/models/${id}.safetensors`, category: 'checkpoints' },
  { path: `/models/lora-of-${id}.safetensors`, category: 'loras' },
];

const asked = (path: string) => [{ item: path, ask: { path } }];
const item = (path: string) => ({ path, job: null }) as WarmItem;

function open({ saved = null as unknown, ...part }: Partial<ForesightDeps> & { saved?: unknown } = {}) {
  vi.useFakeTimers();
  const idle = vi.fn<ForesightDeps['warmer']['idle']>(async () => []);
  const models = async () => [item('/models/a.safetensors')];
  const save = vi.fn();
  const log = { debug: vi.fn() } as unknown as ForesightDeps['log'];
  const foreseen = new ForeseenFiles();
  const foresight = new Foresight({
    mode: () => 'learn',
    warmer: { idle, models },
    workflows: { names: async () => [{ category: 'vae', name: 'a.safetensors' }] },
    room: () => 10 * MiB,
    learned: new LearnedWorkflows(saved),
    foreseen,
    store: { save },
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
  return { foresight, foreseen, idle, save, runs, log };
}

test('hints are taken one at a time, so that many at once hold up no lookup', async () => {
  let [atOnce, most] = [0, 0];
  const names = async () => {
    most = Math.max(most, ++atOnce);
    await Promise.resolve();
    atOnce--;
    return [];
  };
  const { foresight, idle } = open({ workflows: { names } });
  await Promise.all(Array.from({ length: 20 }, () => foresight.hint({})));
  expect(most).toBe(1);
  expect(idle).toHaveBeenCalledTimes(20);
});

describe('what likely comes next', () => {
  test('is copied with all of its files once the queue is quiet, and explained by what speaks for it', async () => {
    const { foresight, idle, runs } = open();
    await runs('abababababababababab');
    expect(idle.mock.lastCall).toEqual([filesOf('a').flatMap(({ path }) => asked(path)), { room: 10 * MiB, intoMemory: true }]);
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
    const { foresight, idle, runs } = open({ saved: wrong });
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
    const again = open({ saved });
    expect(again.foresight.of('/models/a.safetensors')?.probability).toBeGreaterThan(0.4);
    expect(open({ saved: { numbers: 'x' } }).foresight.of('/models/a.safetensors')).toBeNull();
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

test('the policy knows what is foreseen, until it is loaded or another workflow is', async () => {
  const { foreseen, runs } = open();
  const likely = () => ['a', 'b'].map((id) => foreseen.likely(`/models/${id}.safetensors`, Date.now()));
  await runs('ab'.repeat(10));
  expect(likely()).toEqual([expect.closeTo(0.7, 0), 0]);
  foreseen.loaded('/models/a.safetensors', Date.now());
  expect(likely()).toEqual([0, 0]);
  await runs('a');
  expect(likely()).toEqual([0, expect.closeTo(0.7, 0)]);
});

test('the models of the open workflow are wanted, unless that is off', async () => {
  const { foresight, foreseen, idle } = open();
  await foresight.hint({});
  expect(idle).toHaveBeenCalledWith(asked('/models/a.safetensors'), { room: 10 * MiB, intoMemory: true });
  expect(foreseen.likely('/models/a.safetensors', Date.now())).toBeGreaterThan(0.5);
  const off = open({ mode: () => 'off' });
  expect(await off.foresight.hint({})).toEqual({ jobs: [] });
  expect(off.idle).not.toHaveBeenCalled();
});

describe('a new file of the library', () => {
  test('is copied, not into memory, and whether it was loaded outlives a restart', async () => {
    const { foresight, foreseen, idle, save } = open();
    await foresight.arrived('/models/new.safetensors');
    expect(idle).toHaveBeenCalledWith(asked('/models/new.safetensors'), { room: 10 * MiB, intoMemory: false });
    foreseen.loaded('/models/new.safetensors', Date.now());
    await foresight[Symbol.asyncDispose]();
    expect(save.mock.lastCall?.[0]).toMatchObject({ arrivals: [true] });
  });

  test.each(['off', 'queue'] as const)('is let be with %s', async (mode) => {
    const { foresight, idle } = open({ mode: () => mode });
    await foresight.arrived('/models/new.safetensors');
    expect(idle).not.toHaveBeenCalled();
  });

  test('is let be while few of the last ones were loaded within a day', async () => {
    const { foresight, idle } = open({ foreseen: new ForeseenFiles(Array<boolean>(50).fill(false)) });
    await foresight.arrived('/models/new.safetensors');
    expect(idle).not.toHaveBeenCalled();
  });
});

describe('a copy of what is foreseen', () => {
  const warmerOn = (rig: ReturnType<typeof createLookupRig>) => new Warmer({ ...rig, options: { waitMaxMs: 30_000 } });
  const alone = (room: number) => ({ room, intoMemory: false });

  test('is made where there is room', async () => {
    const rig = createLookupRig({ limit: 3 * MiB });
    const { path } = rig.source('loras/a.safetensors', MiB);
    const [item] = await warmerOn(rig).idle(asked(path), alone(3 * MiB));
    expect(item?.job).toMatchObject({ priority: 'idle' });
    await rig.copier.activeJob(path)?.ended;
    expect(await rig.ask(path)).toMatchObject({ reason: 'HIT' });
  });

  test('is not even queued where there is none', async () => {
    const rig = createLookupRig({ limit: 3 * MiB });
    const { path } = rig.source('loras/a.safetensors', MiB);
    const [item] = await warmerOn(rig).idle(asked(path), alone(MiB - 1));
    expect(item?.job).toBeNull();
  });

  test('reads no remote, whatever foresaw it; a program that asks gets its copy as ever', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('loras/far.safetensors', MiB);
    const located = rig.sources.locate(path);
    if (!located) throw new Error('it lies below no root');
    const far = vi.spyOn(rig.sources, 'locate').mockReturnValue({ ...located, isRemote: true });
    const warmer = warmerOn(rig);
    const deps = {
      mode: () => 'learn' as const,
      warmer,
      workflows: { names: async () => [{ category: 'loras', name: 'far.safetensors' }] },
      room: () => 10 * MiB,
      learned: new LearnedWorkflows(null),
      foreseen: rig.foreseenFiles,
      store: { save: vi.fn() },
      write: async (work: () => void) => work(),
    };
    const foresight = new Foresight({ ...rig, ...deps });
    onTestFinished(() => foresight[Symbol.asyncDispose]());
    await foresight.arrived(path);
    expect(far).toHaveBeenCalledWith(path);
    expect(rig.planner.request).not.toHaveBeenCalled();
    expect(rig.copier.activeJob(path)).toBeUndefined();
    await warmer.warm({ paths: [path], wait: true });
    expect(rig.planner.request).toHaveBeenCalled();
  });

  test('goes into memory too, from the SSD, and pushes nothing out of there', async () => {
    const rig = await createRamRig({ ramSoft: 1 });
    const { path } = rig.source('loras/a.safetensors', MiB);
    const done = () => vi.waitFor(() => expect(rig.copier.jobs().filter(({ state }) => state !== 'done')).toEqual([]), soon());
    await warmerOn(rig).idle(asked(path), { room: 3 * MiB, intoMemory: true });
    await vi.waitFor(() => expect(rig.inMemoryNow()).toEqual([join('loras', 'a.safetensors')]), soon());
    await done();
    rig.memory.available = MiB / 2;
    await rig.ram.look();
    const other = rig.source('loras/b.safetensors', MiB);
    await warmerOn(rig).idle(asked(other.path), { room: 3 * MiB, intoMemory: true });
    await vi.waitFor(() => expect(rig.copier.jobs().filter(({ tier }) => tier === 'ram')).toHaveLength(2), soon());
    await Promise.all(rig.copier.jobs().map(({ path, tier }) => rig.copier.activeJob(path, tier)?.ended));
    expect(rig.inMemoryNow()).toEqual([join('loras', 'a.safetensors')]);
    expect(await rig.ask(other.path)).toMatchObject({ reason: 'HIT' });
  });

  test('pushes no copy out with a policy that foresees nothing; a program that asks gets its copy as ever', async () => {
    const { rig, copy } = await withCopy({ limit: 3 * MiB });
    const { path } = rig.source('checkpoints/next.safetensors', 2 * MiB);
    await warmerOn(rig).idle(asked(path), alone(10 * MiB));
    await rig.copier.activeJob(path)?.ended;
    expect(rig.planner.recentFailure(path)).toBeUndefined();
    expect(rig.catalog.copies.inState('ready').map(({ path }) => path)).toEqual([copy]);
    await warmerOn(rig).warm({ paths: [path], wait: true });
    expect(await rig.ask(path)).toMatchObject({ reason: 'HIT' });
  });

  test.each([
    ['takes the place of one that nobody wants any more', 60, 'HIT'],
    ['leaves what is in use where it is', 0, 'QUEUED'],
  ] as const)('%s', async (_, daysLater, reason) => {
    const clock = new ManualClock();
    const { rig, path: held } = await withCopy({ limit: 3 * MiB, policy: 'heat', clock, facts: { now: () => clock.now() } });
    for (const _ of 'abcde') {
      await rig.ask(held);
      rig.catalog.usage.flush();
      clock.advance(2 * 3600_000);
    }
    clock.advance(daysLater * 86_400_000);
    const { path } = rig.source('checkpoints/next.safetensors', 2 * MiB);
    rig.foreseenFiles.foresee('next', [path], { probability: 0.5, now: clock.now() });
    await warmerOn(rig).idle(asked(path), alone(3 * MiB));
    await rig.copier.activeJob(path)?.ended;
    expect(await rig.ask(path)).toMatchObject({ reason });
  });
});
