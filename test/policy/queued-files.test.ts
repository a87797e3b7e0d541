import { expect, test } from 'vitest';
import { QueuedFiles } from '../../src/policy/queued-files.ts';

const hour = 3600 * 1000;

function queueOf(prompts: Record<string, string[]>) {
  const queue = new QueuedFiles();
  for (const [id, files] of Object.entries(prompts)) queue.add(id, files, 0);
  return { queue, counts: (names: string, now = 0) => [...names].map((file) => queue.expected(file, now)).join('') };
}

test('of prompts in a row with one model only the first will load it', () => {
  const { counts } = queueOf({ 1: ['a', 'b'], 2: ['a', 'c'], 3: ['b'], 4: ['a'] });
  expect(counts('abcd')).toBe('2210');
});

test('what the running prompt has loaded is not expected any more, what it has yet to load is', () => {
  const { queue, counts } = queueOf({ 1: ['a', 'b'], 2: ['a', 'c'] });
  queue.begin('1', 0);
  expect(counts('abc')).toBe('111');
  queue.loaded('a');
  expect(counts('abc')).toBe('011');
  queue.begin('2', 0);
  expect(counts('abc')).toBe('101');
});

test('a load that comes before the word of its prompt counts as well', () => {
  const { queue, counts } = queueOf({});
  queue.beginNext('1', 0);
  queue.loaded('a');
  queue.add('1', ['a', 'b'], 0);
  expect(counts('ab')).toBe('01');
});

test('a prompt that was deleted, or ran without a load, is expected no longer', () => {
  const { queue, counts } = queueOf({ 1: ['a'], 2: ['b'], 3: ['c'] });
  queue.is(['1', '3'], null, hour);
  expect(counts('abc')).toBe('101');
  queue.beginNext('3', 0);
  expect(counts('abc')).toBe('001');
  queue.is([], null, hour);
  expect(counts('abc')).toBe('000');
});

test('a prompt that joins while the queue is looked at is not taken for a deleted one', () => {
  const { queue, counts } = queueOf({ 1: ['a'] });
  queue.add('2', ['b'], hour);
  queue.is(['1'], null, hour + 100);
  expect(counts('ab')).toBe('11');
  queue.is(['1'], null, hour + 60_000);
  expect(counts('ab')).toBe('10');
});

test('the order of the queue is the one that ComfyUI tells', () => {
  const { queue, counts } = queueOf({ 1: ['a'], 2: ['b'], 3: ['a'] });
  expect(counts('ab')).toBe('21');
  queue.is(['2', '1', '3'], undefined, hour);
  expect(counts('ab')).toBe('11');
});

test('a prompt of which nothing is heard any more is forgotten after a day, a running one after an hour', () => {
  const { queue, counts } = queueOf({ 1: ['a'], 2: ['b'] });
  queue.begin('1', 0);
  expect(counts('ab', hour - 1)).toBe('11');
  expect(counts('ab', hour)).toBe('01');
  expect(counts('ab', 24 * hour)).toBe('00');
});

test('where nothing tells of the queue, a prompt has ended when all of its files were loaded since', () => {
  const { queue, counts } = queueOf({ 1: ['a', 'b'], 2: ['c'] });
  queue.loaded('a');
  expect(counts('abc')).toBe('111');
  queue.loaded('b');
  expect(counts('abc')).toBe('001');
  const told = queueOf({ 1: ['a'], 2: ['c'] });
  told.queue.is(['1', '2'], null, 0);
  told.queue.loaded('a');
  expect(told.counts('ac')).toBe('11');
});

test('prompts that wait for another one are told apart: a copy that is begun at once comes in time for them', () => {
  const { queue, counts } = queueOf({ 1: ['a'], 2: ['b'] });
  const later = (names: string) => [...names].map((file) => queue.expectedLater(file, 0)).join('');
  expect([counts('ab'), later('ab')]).toEqual(['11', '01']);
  queue.begin('1', 0);
  expect([counts('ab'), later('ab')]).toEqual(['11', '01']);
  queue.end('1');
  expect([counts('ab'), later('ab')]).toEqual(['01', '00']);
});
