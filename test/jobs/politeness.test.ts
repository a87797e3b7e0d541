import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { JobView } from '../../src/api/api.ts';
import type { Job } from '../../src/jobs/job.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { patience, soon } from '../helpers/patience.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;

const event = (rig: Rig, job: Job, wanted: string) =>
  new Promise<void>((resolve) => {
    const stop = rig.events.subscribe((name, told) => {
      if (name !== wanted || (told as { id: number }).id !== job.id) return;
      stop();
      resolve();
    });
  });

/** Resolves once the job has stood still for some turns of the event loop. */
async function still(job: Job): Promise<number> {
  for (let same = 0, before = -1; same < 30; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    same = job.bytesDone === before ? same + 1 : 0;
    before = job.bytesDone;
  }
  return job.bytesDone;
}

describe('a copy that somebody waits for', () => {
  test.each(['hdd', 'nas'] as const)(
    'is not kept waiting by a background copy from the same %s, which then goes on',
    async (kind) => {
      const rig = createRig({ perSource: { [kind]: 1 }, rates: { overall: 60e6, by: {} } });
      const background = rig.request(rig.source('checkpoints/big.safetensors', 48 * MiB).path, 'background', kind);
      await event(rig, background, 'job-progress');
      const foreground = rig.request(rig.source('checkpoints/wanted.safetensors', 24 * MiB).path, 'wait', kind);
      await event(rig, foreground, 'job-progress');
      const before = background.bytesDone;
      await foreground.ended;
      expect(foreground.state).toBe('done');
      expect(background.state).toBe('running');
      // The step that was under way when the other came may still end.
      expect(background.bytesDone - before).toBeLessThanOrEqual(8 * MiB);
      await background.ended;
      expect(background.state).toBe('done');
    },
  );

  test('is one of many again when all of them have given up, and hurries again for the next', { tags: 'slow' }, async () => {
    const rig = createRig({ perSource: { hdd: 1 }, rates: { overall: 20e6, by: {} } });
    const hurry = vi.spyOn(rig.workers, 'hurry');
    const other = rig.request(rig.source('checkpoints/other.safetensors', 40 * MiB).path);
    await event(rig, other, 'job-progress');
    const { path } = rig.source('checkpoints/wanted.safetensors', 160 * MiB);
    const awaited = rig.request(path, 'wait');
    await Promise.all([awaited.awaited(1), awaited.awaited(1500)]);
    expect([awaited.state, awaited.priority, other.standing.status]).toEqual(['running', 'wait', 'held']);
    await other.ended;
    expect([awaited.state, awaited.priority, other.state]).toEqual(['running', 'background', 'done']);
    expect(rig.request(path, 'wait').priority).toBe('wait');
    expect(hurry.mock.calls).toEqual([
      [awaited.id, false],
      [awaited.id, true],
    ]);
    rig.copier.cancel(awaited.id);
    await awaited.ended;
  });

  test('does not stop a copy from another source', async () => {
    const rig = createRig();
    const other = rig.source('loras/other.safetensors', MiB);
    const elsewhere = rig.copier.request({
      file: { ...rig.file(other.path), root: `${rig.root}/loras`, rel: 'other.safetensors' },
      priority: 'background',
      medium: 'hdd',
    });
    const foreground = rig.request(rig.source('checkpoints/wanted.safetensors', 8 * MiB).path, 'wait');
    await Promise.all([elsewhere.ended, foreground.ended]);
    expect([elsewhere.state, foreground.state]).toEqual(['done', 'done']);
  });
});

/** A look at a disk takes no time until its copy has begun, however busy the machine is. */
function runs(clock: ManualClock): () => void {
  const timer = setInterval(() => clock.advance(50), 50);
  const stop = () => clearInterval(timer);
  onTestFinished(stop);
  return stop;
}

test.runIf(process.platform === 'linux').each([
  ['looks first whether who asked for it loads from the source', 'background', true],
  ['begins at once when nobody was told to load from the source', 'prefetch', false],
] as const)('a large copy %s', async (_how, priority, still) => {
  const clock = new ManualClock();
  const rig = createRig({ polite: true, diskOf: () => 'a disk', clock });
  const { path } = rig.source('checkpoints/big.safetensors', 64 * MiB);
  const run = vi.spyOn(rig.workers, 'run');
  const pace = vi.spyOn(rig.workers, 'pace');
  const startedAt = performance.now();
  const job = rig.request(path, priority);
  const told: string[] = [];
  rig.events.subscribe((name, view) => {
    if (name === 'job-started' || name === 'job-progress') told.push(`${(view as JobView).word}: ${(view as JobView).why}`);
  });
  await vi.waitFor(() => expect(run).toHaveBeenCalled(), { timeout: patience(10_000) });
  runs(clock);
  await job.ended;
  expect(job.state).toBe('done');
  expect(told.includes('giving way: a program was told to read from the disk a disk')).toBe(still);
  const paced = run.mock.calls.some(([, { paced }]) => paced) || pace.mock.calls.some(([, paced]) => paced);
  expect(paced).toBe(still);
  if (still) expect(performance.now() - startedAt).toBeGreaterThan(150);
});

test.runIf(process.platform === 'linux').each([
  ['cold', 'background', 'giving-way'],
  ['ram', 'prefetch', 'giving-way'],
  ['ram', 'wait', 'running'],
] as const)(
  'a program that loads from the disk of the cache goes before a copy made there for the %s tier, of priority %s: %s',
  { tags: 'slow' },
  async (to, priority, status) => {
    const clock = new ManualClock();
    const options = { polite: false, diskOf: () => 'the disk of the cache', clock, extra: ['cold' as const, 'ram' as const] };
    const rig = createRig(options);
    const { path } = rig.weights('checkpoints/model.safetensors', 64 * MiB);
    await rig.copy(path);
    options.polite = true;
    const loaded = rig.request(rig.source('checkpoints/other.safetensors', 64 * MiB).path);
    const job = rig.request(path, priority, 'hdd', to);
    await event(rig, job, 'job-started');
    await vi.waitFor(() => expect(job.standing.status).toBe(status), soon());
    runs(clock);
    await Promise.all([job.ended, loaded.ended]);
    expect([job.state, loaded.state]).toEqual(['done', 'done']);
  },
);

test.runIf(process.platform === 'linux')(
  'that copies give way can be switched while the daemon runs',
  { tags: 'slow' },
  async () => {
    const clock = new ManualClock();
    const options = { polite: false, diskOf: () => 'a disk', clock };
    const rig = createRig(options);
    const run = vi.spyOn(rig.workers, 'run');
    const pace = vi.spyOn(rig.workers, 'pace');
    const wasPaced = async (name: string, polite: boolean) => {
      options.polite = polite;
      rig.copier.reconsider();
      const { id, ended } = rig.request(rig.source(`checkpoints/${name}.safetensors`, 64 * MiB).path, 'background');
      await vi.waitFor(() => expect(run.mock.calls.some(([order]) => order.id === id)).toBe(true), {
        timeout: patience(10_000),
      });
      const stop = runs(clock);
      await ended;
      stop();
      return (
        run.mock.calls.some(([order, { paced }]) => order.id === id && paced) ||
        pace.mock.calls.some(([job, paced]) => job === id && paced)
      );
    };
    expect(await wasPaced('a', false)).toBe(false);
    expect(await wasPaced('b', true)).toBe(true);
    expect(await wasPaced('c', false)).toBe(false);
  },
);

describe('paused copies', () => {
  test('stand still where they are, none begins, and all go on when they are resumed', async () => {
    const rig = createRig({ jobs: 1, rates: { overall: 100e6, by: {} } });
    const running = rig.request(rig.source('checkpoints/a.safetensors', 40 * MiB).path);
    const queued = rig.request(rig.source('checkpoints/b.safetensors', MiB).path, 'wait');
    await event(rig, running, 'job-progress');
    rig.copier.pause(true);
    expect(await still(running)).toBeLessThan(40 * MiB);
    const late = rig.request(rig.source('checkpoints/c.safetensors', MiB).path, 'wait');
    await still(late);
    expect([late.state, running.state]).toEqual(['queued', 'running']);
    rig.copier.pause(false);
    await Promise.all([running.ended, queued.ended, late.ended]);
    expect([running.state, queued.state, late.state]).toEqual(['done', 'done', 'done']);
  });

  test('can be cancelled', async () => {
    const rig = createRig({ rates: { overall: 100e6, by: {} } });
    const job = rig.request(rig.source('checkpoints/a.safetensors', 40 * MiB).path);
    await event(rig, job, 'job-progress');
    rig.copier.pause(true);
    rig.copier.cancel(job.id);
    await job.ended;
    expect(job.state).toBe('cancelled');
  });
});

describe('the writes of a day', () => {
  test.each(['background', 'wait'] as const)(
    'have a bound that a copy of priority %s cannot pass, and says so',
    async (priority) => {
      const rig = createRig({ dailyWrites: 3 * MiB });
      await rig.copy(rig.source('loras/a.safetensors', 2 * MiB).path);
      const job = rig.request(rig.source('loras/b.safetensors', 2 * MiB).path, priority);
      await job.ended;
      expect(job.error).toMatchObject({ code: 'NOT_ADMITTED', message: expect.stringContaining('3 MiB of writes') });
      expect(rig.catalog.placements.usedBytes('ssd')).toBe(2 * MiB);
      const small = await rig.copy(rig.source('loras/c.safetensors', MiB).path);
      expect(small.state).toBe('done');
    },
  );

  test('two that start together share it', async () => {
    const rig = createRig({ dailyWrites: 3 * MiB });
    const jobs = ['a', 'b'].map((name) => rig.request(rig.source(`loras/${name}.safetensors`, 2 * MiB).path));
    await Promise.all(jobs.map((job) => job.ended));
    expect(jobs.map(({ state }) => state).sort()).toEqual(['done', 'failed']);
  });

  test('begin anew with the next day', async () => {
    const clock = new ManualClock();
    const rig = createRig({ dailyWrites: 3 * MiB, clock });
    await rig.copy(rig.source('loras/a.safetensors', 2 * MiB).path);
    rig.catalog.usage.flush();
    clock.setWall(clock.now() + 86_400_000);
    expect((await rig.copy(rig.source('loras/b.safetensors', 2 * MiB).path)).state).toBe('done');
  });
});
