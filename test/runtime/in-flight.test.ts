import { expect, test, vi } from 'vitest';
import { InFlight } from '../../src/runtime/in-flight.ts';

test('those who ask for the same at once share one run; later ones begin another', async () => {
  const inFlight = new InFlight<string, number>();
  const work = vi.fn(async () => work.mock.calls.length);
  expect(await Promise.all([inFlight.run('a', work), inFlight.run('a', work), inFlight.run('b', work)])).toEqual([1, 1, 2]);
  expect(await inFlight.run('a', work)).toBe(3);
});

test('a failure is shared too, and is not kept', async () => {
  const inFlight = new InFlight<string, string>();
  const failing = () => Promise.reject(new Error('no'));
  const both = [inFlight.run('a', failing), inFlight.run('a', async () => 'not asked for')];
  for (const one of both) await expect(one).rejects.toThrow('no');
  expect(await inFlight.run('a', async () => 'again')).toBe('again');
});

test('is settled when all that runs is over, even if it fails', async () => {
  const inFlight = new InFlight<number, void>();
  const { promise, reject } = Promise.withResolvers<void>();
  const failed = expect(inFlight.run(1, () => promise)).rejects.toThrow('no');
  let settled = false;
  const settling = inFlight.settled().then(() => {
    settled = true;
  });
  await new Promise(setImmediate);
  expect(settled).toBe(false);
  reject(new Error('no'));
  await settling;
  await failed;
});
