import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { media, priorities } from '../../src/core/types.ts';
import { CopyQueue, type Queued, type QueueLimits } from '../../src/jobs/queue.ts';

let nextId = 1;
const job = ({ id = nextId++, ...part }: Partial<Queued> = {}): Queued => ({
  id,
  turn: id,
  kind: 'copy',
  isSmall: false,
  priority: 'background',
  medium: 'hdd',
  disk: '/hdd',
  ...part,
});

function queueOf(limits: Partial<QueueLimits>, ...jobs: Queued[]) {
  const queue = new CopyQueue<Queued>({ jobs: 2, perSource: {}, ...limits });
  for (const one of jobs) queue.push(one);
  return queue;
}

/** Takes all that may start now. */
function takeAll(queue: CopyQueue<Queued>): Queued[] {
  const taken: Queued[] = [];
  for (let next = queue.take(); next; next = queue.take()) taken.push(next);
  return taken;
}

describe('which copy starts next', () => {
  test('the one that somebody waits for, then by priority, then first come, first served', () => {
    const jobs = (['background', 'warm', 'prefetch', 'warm', 'wait', 'background'] as const).map((priority) =>
      job({ priority }),
    );
    const queue = queueOf({ jobs: 10 }, ...jobs);
    expect(takeAll(queue).map((one) => jobs.indexOf(one))).toEqual([4, 2, 1, 3, 0, 5]);
  });

  test('a job that is asked for with more haste while it waits goes first', () => {
    const jobs = [job(), job(), job()];
    const queue = queueOf({ jobs: 1 }, ...jobs);
    if (jobs[2]) jobs[2].priority = 'wait';
    expect(queue.take()).toBe(jobs[2]);
  });

  test('a raised job goes before those of its priority, whatever came first', () => {
    const jobs = [job(), job(), job({ turn: -1 }), job({ priority: 'prefetch' })];
    const queue = queueOf({ jobs: 4 }, ...jobs);
    expect(takeAll(queue)).toEqual([jobs[3], jobs[2], jobs[0], jobs[1]]);
  });

  test('no more than may run at once, and the next one when one has ended', () => {
    const jobs = [job(), job(), job()];
    const queue = queueOf({ jobs: 2 }, ...jobs);
    expect(takeAll(queue)).toEqual(jobs.slice(0, 2));
    expect(queue.take()).toBeUndefined();
    queue.finished(jobs[0]?.id ?? 0);
    expect(takeAll(queue)).toEqual([jobs[2]]);
  });
});

describe('one disk reads one file at a time', () => {
  test('and while it is busy, the jobs of other disks pass', () => {
    const [first, second, other] = [job(), job(), job({ disk: '/hdd2' })];
    const queue = queueOf({ jobs: 3, perSource: { hdd: 1 } }, first, second, other);
    expect(takeAll(queue)).toEqual([first, other]);
    queue.finished(other.id);
    expect(queue.take()).toBeUndefined();
    queue.finished(first.id);
    expect(queue.take()).toBe(second);
  });

  test('for one who waits at a time; the copy in the background stands still meanwhile', () => {
    const waiting = () => job({ priority: 'wait' });
    const [first, hurried, second] = [job(), waiting(), waiting()];
    const queue = queueOf({ perSource: { hdd: 1 } }, first);
    queue.take();
    queue.push(hurried);
    queue.push(second);
    expect(queue.take()).toBe(hurried);
    expect(queue.take()).toBeUndefined();
  });

  test('a medium without a limit of its own has only the common one', () => {
    const jobs = [job({ medium: 'nas', disk: '/nas' }), job({ medium: 'nas', disk: '/nas' })];
    expect(takeAll(queueOf({ perSource: { hdd: 1 } }, ...jobs))).toEqual(jobs);
  });
});

describe('small files', () => {
  const small = (part: Partial<Queued> = {}) => job({ isSmall: true, ...part });

  test('are copied thirty-two at a time in the place of one large one, also from a disk that has one place', () => {
    const jobs = Array.from({ length: 40 }, () => small());
    const queue = queueOf({ jobs: 4, perSource: { hdd: 1 } }, ...jobs);
    expect(takeAll(queue)).toEqual(jobs.slice(0, 32));
    queue.finished(jobs[5]?.id ?? 0);
    expect(takeAll(queue)).toEqual([jobs[32]]);
  });

  test('never pass a large one that came before them: it is next, and they wait for it', () => {
    const [first, large] = [small(), job()];
    const later = Array.from({ length: 3 }, () => small());
    const queue = queueOf({ perSource: { hdd: 1 } }, first, large, ...later);
    expect(takeAll(queue)).toEqual([first]);
    queue.finished(first.id);
    expect(takeAll(queue)).toEqual([large]);
    queue.finished(large.id);
    expect(takeAll(queue)).toEqual(later);
  });

  test('never keep a large one of another disk from its place by coming in its stead one after the other', () => {
    const [running, first] = [job({ disk: '/hdd2' }), small()];
    const large = job({ disk: '/hdd3' });
    const queue = queueOf({ jobs: 2, perSource: { hdd: 1 } }, running, first, large, small());
    expect(takeAll(queue)).toEqual([running, first]);
    queue.finished(first.id);
    expect(takeAll(queue)).toEqual([large]);
  });
});

test('a job that is taken out never starts; one that runs cannot be taken out', () => {
  const [running, waiting] = [job(), job()];
  const queue = queueOf({ jobs: 1 }, running, waiting);
  queue.take();
  expect([queue.remove(running.id), queue.remove(waiting.id), queue.remove(waiting.id)]).toEqual([false, true, false]);
  queue.finished(running.id);
  expect(queue.take()).toBeUndefined();
  expect([queue.running, queue.waiting]).toEqual([[], []]);
});

test('whatever comes and ends: all limits hold, nothing idles that may start, nothing is lost, and nobody of equal rank is passed', () => {
  const arbitraryJob = fc.record({
    priority: fc.constantFrom(...priorities),
    medium: fc.constantFrom(...media),
    disk: fc.constantFrom('/a', '/b', '/c'),
  });
  const step = fc.oneof(arbitraryJob, fc.constant('finish' as const));
  const limits = fc.record({
    jobs: fc.integer({ min: 1, max: 4 }),
    perSource: fc.constantFrom({}, { hdd: 1 }, { hdd: 1, nas: 2 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), limits, (steps, given) => {
      const queue = queueOf(given);
      const ended: Queued[] = [];
      let pushed = 0;
      // Who waits is held back only by others who wait: the rest stands still meanwhile.
      const hasRoom = ({ medium, disk, priority }: Queued) => {
        const rivals = queue.running.filter((other) => priority !== 'wait' || other.priority === 'wait');
        const limit = (given.perSource as QueueLimits['perSource'])[medium];
        return (
          rivals.length < given.jobs && (limit === undefined || rivals.filter((other) => other.disk === disk).length < limit)
        );
      };
      for (const next of steps) {
        if (next === 'finish') {
          const [oldest] = queue.running;
          if (oldest) {
            queue.finished(oldest.id);
            ended.push(oldest);
          }
        } else {
          queue.push(job(next));
          pushed += 1;
        }
        const rank = (one: Queued) => priorities.indexOf(one.priority);
        for (;;) {
          const startable = queue.waiting.filter(hasRoom);
          const best = Math.min(...startable.map(rank));
          const expected = startable.find((one) => rank(one) === best);
          expect(queue.take()).toBe(expected);
          if (!expected) break;
        }
        expect(queue.running.filter((one) => one.priority === 'wait').length).toBeLessThanOrEqual(given.jobs);
        expect(queue.running.filter((one) => one.priority !== 'wait').length).toBeLessThanOrEqual(given.jobs);
        expect(queue.running.length + queue.waiting.length + ended.length).toBe(pushed);
      }
    }),
  );
});
