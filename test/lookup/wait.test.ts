import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { JobState } from '../../src/api/api.ts';
import { CacheError } from '../../src/core/errors.ts';
import type { SourceState } from '../../src/core/types.ts';
import type { CopyInProgress } from '../../src/lookup/collaborators.ts';
import { bounded } from '../../src/runtime/deadline.ts';
import { fingerprintOf } from '../helpers/files.ts';
import { createLookupRig, type LookupRig, type LookupRigOptions, withCopy } from '../helpers/lookup-rig.ts';
import { soon } from '../helpers/patience.ts';

const MiB = 1024 * 1024;

/** A copy that is under way until the test says how it ended. */
function heldJob(rig: LookupRig) {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let state: JobState = 'running';
  const view = vi.fn(() => ({ state }) as ReturnType<CopyInProgress['view']>);
  const job: CopyInProgress = {
    get state() {
      return state;
    },
    ended,
    awaited: (ms) => bounded(ended, ms),
    view,
  };
  const end = (as: JobState) => {
    state = as;
    resolve();
  };
  vi.mocked(rig.planner.request).mockImplementation(() => job);
  rig.planner.activeJob = () => (state === 'running' ? job : undefined);
  return { job, end };
}

describe('an asker that waits', () => {
  test('gets the copy the moment it is there', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    const answer = await rig.ask(path, { waitMs: 30_000 });
    expect(answer).toMatchObject({ path: rig.placeOf(path), tier: 'ssd', reason: 'HIT_AFTER_WAIT', job: null });
    expect(rig.leases.isLeased(answer.path)).toBe(true);
    expect(rig.copier.jobs()).toMatchObject([{ priority: 'wait', state: 'done' }]);
    rig.catalog.usage.flush();
    expect(rig.catalog.usage.daily().at(-1)).toMatchObject({ hits: 1, misses: 0 });
  });

  test('is not alone: a hundred wait for one copy and all wake', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    const run = vi.spyOn(rig.workers, 'run');
    const answers = await Promise.all(Array.from({ length: 100 }, () => rig.ask(path, { waitMs: 30_000 })));
    expect(new Set(answers.map((answer) => `${answer.reason} ${answer.path}`))).toEqual(
      new Set([`HIT_AFTER_WAIT ${rig.placeOf(path)}`]),
    );
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('makes the copy go before all that is made in the background', async () => {
    const rig = createLookupRig({ jobs: 1 });
    const paths = ['a', 'b', 'c', 'd'].map((name) => rig.source(`loras/${name}.safetensors`, 1000).path);
    const jobs = paths.map((path) => rig.request(path));
    const wanted = paths[3] ?? '';
    const { size, mtimeNs } = fingerprintOf(wanted);
    expect(await rig.ask(wanted, { waitMs: 30_000, size, mtimeNs })).toMatchObject({ reason: 'HIT_AFTER_WAIT' });
    await Promise.all(jobs.map((job) => job.ended));
    const started = rig.seen.filter(({ name }) => name === 'job-started').map(({ event }) => (event as { path: string }).path);
    expect(started).toEqual([wanted, ...paths.slice(0, 3)]);
  });

  test('gets its own path when the time is up, and the copy goes on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const rig = createLookupRig({ waitMaxMs: 5000 });
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    const { job } = heldJob(rig);
    const answer = rig.ask(path, { waitMs: 60_000 });
    await vi.waitUntil(() => vi.getTimerCount() > 0, soon());
    await vi.advanceTimersByTimeAsync(5000);
    expect(await answer).toMatchObject({ path, tier: 'hdd', reason: 'WAIT_TIMEOUT', job: { state: 'running' } });
    expect(job.state).toBe('running');
  });

  test('does not wait where waiting is switched off', async () => {
    const rig = createLookupRig({ waitMaxMs: 0 });
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    heldJob(rig);
    expect(await rig.ask(path, { waitMs: 60_000 })).toMatchObject({ path, reason: 'COPYING' });
  });

  test('gets the source of a copy that fails, and the reason', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    vi.spyOn(rig.workers, 'run').mockRejectedValueOnce(new CacheError('NO_SPACE', 'the cache disk is full'));
    const answer = await rig.ask(path, { waitMs: 30_000 });
    expect(answer).toMatchObject({ path, reason: 'NO_SPACE', job: { state: 'failed', error: { code: 'NO_SPACE' } } });
  });

  test('gets the source when somebody cancels the copy, which then stays cancelled', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    const { end } = heldJob(rig);
    const answer = rig.ask(path, { waitMs: 30_000 });
    await vi.waitUntil(() => vi.mocked(rig.planner.request).mock.calls.length > 0, soon());
    end('cancelled');
    expect(await answer).toMatchObject({ path, reason: 'WAIT_TIMEOUT', job: { state: 'cancelled' } });
    expect(rig.planner.request).toHaveBeenCalledTimes(1);
  });

  test('for the copy of an older source, which cannot end well, has a new one queued as it is told', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    const { job, end } = heldJob(rig);
    const answer = rig.ask(path, { waitMs: 30_000 });
    await vi.waitUntil(() => vi.mocked(rig.planner.request).mock.calls.length > 0, soon());
    const next = { ...job, state: 'queued' as const, view: () => ({ state: 'queued', id: 2 }) as never };
    vi.mocked(rig.planner.request).mockImplementation(() => next);
    end('failed');
    expect(await answer).toMatchObject({ path, reason: 'QUEUED', job: { id: 2, state: 'queued' } });
    expect(rig.planner.request).toHaveBeenCalledTimes(2);
  });
});

describe('an asker that waits, beside a source that does not answer,', () => {
  const slow = { state: 'slow', why: 'no answer within 150 ms' } satisfies SourceState;

  /** A rig with a source whose answer the test gives. */
  function silent(options: LookupRigOptions = {}) {
    const rig = createLookupRig(options);
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    const late = Promise.withResolvers<SourceState>();
    vi.mocked(rig.sources.stat).mockImplementation(async (_, askedBy) => (askedBy === 'loader' ? slow : late.promise));
    return { rig, path, answer: () => late.resolve({ state: 'present', fingerprint: fingerprintOf(path) }), late };
  }

  test('waits for its answer, and then for the copy', async () => {
    const { rig, path, answer } = silent();
    const asked = rig.ask(path, { waitMs: 30_000 });
    await vi.waitUntil(() => vi.mocked(rig.sources.stat).mock.calls.length > 1, soon());
    answer();
    expect(await asked).toMatchObject({ path: rig.placeOf(path), tier: 'ssd', reason: 'HIT_AFTER_WAIT' });
  });

  test('waits as long as it said, and counts once', async () => {
    const { rig, path } = silent();
    const from = performance.now();
    expect(await rig.ask(path, { waitMs: 300 })).toMatchObject({ path, reason: 'WAIT_TIMEOUT', job: null });
    expect(performance.now() - from).toBeGreaterThan(290);
    expect(rig.stats.decisionsOn(path)).toMatchObject([{ reason: 'WAIT_TIMEOUT' }]);
  });

  test('waits in slices too, which are short', async () => {
    const { rig, path, answer } = silent();
    const ask = (sliceMs: number) => rig.ask(path, { waitMs: 60_000, sliceMs });
    expect(await ask(20)).toMatchObject({ path, reason: 'WAIT_TIMEOUT' });
    expect(rig.stats.lookups).toBe(0);
    const asked = ask(60_000);
    answer();
    expect(await asked).toMatchObject({ reason: 'HIT_AFTER_WAIT' });
    expect(rig.stats.lookups).toBe(1);
  });

  test('is told to ask again when the answer comes as its slice ends', async () => {
    const { rig, path, answer } = silent();
    heldJob(rig);
    const asked = rig.ask(path, { waitMs: 60_000, sliceMs: 100 });
    setTimeout(answer, 50);
    expect(await asked).toMatchObject({ path, reason: 'WAIT_TIMEOUT', job: { state: 'running' } });
  });

  test('waits for the copy that is under way', async () => {
    const { rig, path } = silent();
    const { end } = heldJob(rig);
    const asked = rig.ask(path, { waitMs: 60_000 });
    await rig.copy(path);
    end('done');
    expect(await asked).toMatchObject({ path: rig.placeOf(path), reason: 'HIT_AFTER_WAIT' });
  });

  test('asks one that is slow again, and not in a hurry', async () => {
    const { rig, path, late } = silent();
    late.resolve(slow);
    expect(await rig.ask(path, { waitMs: 600 })).toMatchObject({ path, reason: 'WAIT_TIMEOUT' });
    expect(vi.mocked(rig.sources.stat).mock.calls.length).toBeLessThan(10);
  });

  test('learns at once that it is away', async () => {
    const { rig, path, late } = silent();
    const asked = rig.ask(path, { waitMs: 60_000 });
    late.resolve({ state: 'away', why: 'no answer within 10000 ms' });
    expect(await asked).toMatchObject({ path, reason: 'SOURCE_AWAY' });
  });

  test.each([
    ['waiting is switched off', { onMiss: 'background' as const }, {}],
    ['it does not wait', {}, { waitMs: 0 }],
    ['it reads metadata only', {}, { purpose: 'metadata' as const }],
  ])('is answered at once when %s', async (_, options, asked) => {
    const { rig, path } = silent(options);
    const { reason } = await rig.ask(path, { waitMs: 60_000, ...asked });
    expect(['WAIT_TIMEOUT', 'BYPASS_SCAN']).toContain(reason);
  });
});

describe('nobody waits for what it would not be given', () => {
  const hurried = async (rig: LookupRig, path: string, part: object = {}) => {
    heldJob(rig);
    return rig.ask(path, { waitMs: 30_000, ...part });
  };

  test('off means off, also while a copy runs', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    rig.sources.mode = 'off';
    expect(await hurried(rig, path)).toMatchObject({ path, reason: 'OFF' });
  });

  test.each(['metadata', 'scan'] as const)('%s does not wait', async (purpose) => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    expect(await hurried(rig, path, { purpose })).toMatchObject({ path, reason: 'BYPASS_SCAN' });
  });

  test('a copy that can be served is served: a source that hangs in a copy does not hold it up', async () => {
    const { rig, copy, path } = await withCopy();
    rig.sources.away = 'the share does not answer';
    expect(await hurried(rig, path)).toMatchObject({ path: copy, reason: 'HIT_OFFLINE' });
  });

  test('read-only does not wait for the last copy that still runs', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    rig.sources.mode = 'read-only';
    expect(await hurried(rig, path)).toMatchObject({ path, reason: 'READ_ONLY' });
  });
});

test('a wait of a month is a wait, not an answer at once', async () => {
  const set = vi.spyOn(globalThis, 'setTimeout');
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = bounded(promise, 31 * 24 * 3600_000);
  expect(set.mock.calls.at(-1)?.[1]).toBeLessThanOrEqual(2 ** 31 - 1);
  set.mockRestore();
  resolve();
  await waiting;
});
