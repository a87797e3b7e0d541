import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { MemoStats } from '../../src/api/memo.ts';
import { createMemo } from '../../src/index.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { soon } from '../helpers/patience.ts';
import { startCaller } from './programs.ts';

/** Eight programs start, on a machine that may be busy. */
const startsWithin = { ...soon(), timeout: 120_000 };

async function createRig() {
  const { stateDir, dir, client } = await runDaemon({});
  const stats = () => client.ask<MemoStats>('GET', '/api/cache/stats?plane=memo');
  const [log, gate] = [join(dir, 'log'), join(dir, 'gate')];
  return {
    job: { stateDir, log, gate },
    open: () => {
      const memo = createMemo({ namespace: 'flight', stateDir, timeoutMs: { connect: 60_000, answer: 60_000 } });
      onTestFinished(() => memo.close());
      return memo;
    },
    waiting: (number: number) =>
      vi.waitFor(async () => {
        const { computing, waiting } = await stats();
        expect({ computing, waiting }).toEqual({ computing: 1, waiting: number });
      }, startsWithin),
    computed: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0),
  };
}

test('100 equal requests of 4 Node and 4 Python programs: one computation, and its result for all', {
  tags: 'slow',
  timeout: 300_000,
}, async () => {
  const { job, waiting, computed } = await createRig();
  const programs = [
    ...Array.from({ length: 4 }, () => startCaller('node', { ...job, calls: 12 })),
    ...Array.from({ length: 4 }, () => startCaller('python', { ...job, calls: 13 })),
  ];
  await waiting(99);
  writeFileSync(job.gate, '');
  const ended = await Promise.all(programs.map((program) => program.ended));
  expect(ended.map(({ code, err }) => ({ code, err }))).toEqual(programs.map(() => ({ code: 0, err: '' })));
  const answers = ended.flatMap(({ out }) => JSON.parse(out) as string[]);
  expect(answers).toHaveLength(100);
  expect(new Set(answers).size).toBe(1);
  expect(computed()).toBe(1);
});

test('a holder that is killed passes the lease to the oldest waiter', async () => {
  const { job, waiting, computed, open } = await createRig();
  const holder = startCaller('node', { ...job, calls: 1 });
  await vi.waitFor(() => expect(computed()).toBe(1), startsWithin);
  const oldest = vi.fn(async () => 'of the oldest');
  const younger = vi.fn(async () => 'of the younger');
  const first = open().getOrCompute(['equal'], oldest);
  await waiting(1);
  const second = open().getOrCompute(['equal'], younger);
  await waiting(2);
  holder.child.kill('SIGKILL');
  expect(await Promise.all([first, second])).toEqual(['of the oldest', 'of the oldest']);
  expect(younger).not.toHaveBeenCalled();
}, 300_000);

test('a program ends while it holds a lease, and leaves it to the next', { tags: 'slow', timeout: 300_000 }, async () => {
  const { job, open, computed } = await createRig();
  const holder = startCaller('node', { ...job, gate: '', calls: 1 });
  await vi.waitFor(() => expect(computed()).toBe(1), startsWithin);
  expect(await holder.ended).toMatchObject({ code: 0, err: '' });
  expect(await open().getOrCompute(['equal'], () => 'of the next')).toBe('of the next');
});
