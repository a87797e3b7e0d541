import { expect, test } from 'vitest';
import { Serial } from '../../src/runtime/serial.ts';

test('work begins when the work before it is over, in the order in which it was asked for', async () => {
  const serial = new Serial();
  const first = Promise.withResolvers<string>();
  const begun: string[] = [];
  const one = serial.run(() => {
    begun.push('one');
    return first.promise;
  });
  const two = serial.run(() => void begun.push('two'));
  const three = serial.run(() => begun.push('three'));
  await Promise.resolve();
  expect(begun).toEqual(['one']);
  first.resolve('done');
  expect(await one).toBe('done');
  expect(await two).toBeUndefined();
  expect(await three).toBe(3);
  expect(begun).toEqual(['one', 'two', 'three']);
});

test('a failure is told to the one who asked, and holds nobody up', async () => {
  const serial = new Serial();
  const failing = serial.run(() => {
    throw new Error('no');
  });
  const next = serial.run(async () => 'next');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('next');
});

test('is settled when all that was asked for is over', async () => {
  const serial = new Serial();
  const over: number[] = [];
  for (const number of [1, 2])
    void serial.run(async () => {
      await new Promise(setImmediate);
      over.push(number);
    });
  await serial.settled();
  expect(over).toEqual([1, 2]);
});
