import { describe, expect, test } from 'vitest';
import type { Priority } from '../../src/core/types.ts';
import { IoScheduler } from '../../src/jobs/io-scheduler.ts';
import { Job } from '../../src/jobs/job.ts';
import { RateLimiter } from '../../src/jobs/rate-limiter.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { patience } from '../helpers/patience.ts';

/** One running job on a disk that another program begins or ends to read from. */
function arrange(priority: Priority, { polite = true, others = 0 } = {}) {
  const clock = new ManualClock();
  const file = { path: '/r/a', root: '/r', rel: 'a', category: null, fingerprint: { size: 1e9, mtimeNs: '1', ino: null } };
  const jobs = Array.from({ length: 1 + others }, (_, index) => {
    return new Job(1 + index, { file, disk: 'sda', priority, medium: 'hdd' }, clock);
  });
  const job = jobs[0] as Job;
  const state = { read: false, watched: [] as readonly string[], told: [] as boolean[] };
  const foreign = {
    watch: (paths: readonly string[]) => {
      state.watched = paths;
    },
    givesWay: () => state.read,
    why: () => (state.read ? 'another program reads from the disk sda' : null),
  };
  const pacer = new RateLimiter(clock, () => ({ overall: null, by: {} }));
  const turns = new IoScheduler(
    pacer,
    polite ? foreign : null,
    () => jobs,
    (_id, paced) => state.told.push(paced),
  );
  const startsPaced = turns.begin(job);
  turns.reconsider();
  return { turns, job, jobs, state, startsPaced };
}

describe('a copy whose disk another program reads from', () => {
  test('asks for its steps from then on, gets one a second, and runs on when the other has ended', async () => {
    const { turns, job, state, startsPaced } = arrange('background');
    expect([startsPaced, state.watched]).toEqual([false, ['/r/a']]);
    state.read = true;
    turns.reconsider();
    expect(state.told).toEqual([true]);
    expect(turns.standingOf(job)).toEqual({ status: 'giving-way', why: 'another program reads from the disk sda' });
    const startedAt = performance.now();
    await turns.ask(job, 1);
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    const second = turns.ask(job, 1);
    state.read = false;
    const freedAt = performance.now();
    turns.reconsider();
    await second;
    expect(performance.now() - freedAt).toBeLessThan(patience(500));
    expect(state.told).toEqual([true, false]);
    expect(turns.standingOf(job)).toEqual({ status: 'running' });
  });

  test('takes what other hosts of a farm give at once: that disk is not read for it', async () => {
    const { turns, job, state } = arrange('background');
    state.read = true;
    turns.reconsider();
    const startedAt = performance.now();
    await turns.ask(job, 1, 'peer');
    expect(performance.now() - startedAt).toBeLessThan(900);
  });

  test('takes turns with the others from that disk: one of them takes a step a second', async () => {
    const { turns, jobs, state } = arrange('background', { others: 2 });
    state.read = true;
    turns.reconsider();
    const startedAt = performance.now();
    const ms = await Promise.all(jobs.map((one) => turns.ask(one, 1).then(() => performance.now() - startedAt)));
    for (const [index, step] of ms.entries()) expect(step).toBeGreaterThan(1000 * (index + 1) - 100);
  });

  test.each([
    ['somebody waits for it', 'wait', true],
    ['politeness is switched off', 'background', false],
  ] as const)('runs on when %s', (_why, priority, polite) => {
    const { turns, state } = arrange(priority, { polite });
    state.read = true;
    turns.reconsider();
    expect([state.told, state.watched]).toEqual([[], []]);
  });
});
