import { expect, test } from 'vitest';
import { hostFactsOf } from '../../src/farm/host-facts.ts';

const facts = {
  ...{ host: 'gpu1', url: 'https://gpu1.lan:8390', version: '1.0.0', weight: 100 },
  ...{ originBytes: 1, receivedBytes: 2, givenBytes: 3 },
};

test('what a host says of itself is read as it was written', () => {
  expect(hostFactsOf(JSON.stringify(facts))).toEqual(facts);
  expect(hostFactsOf(JSON.stringify({ ...facts, url: null }))).toEqual({ ...facts, url: null });
});

test.each([
  '',
  'null',
  '[]',
  '{',
  JSON.stringify({ ...facts, host: '' }),
  JSON.stringify({ ...facts, host: 'a\u001b[2J' }),
  JSON.stringify({ ...facts, host: 'x'.repeat(301) }),
  JSON.stringify({ ...facts, url: 'http://gpu1.lan:8390' }),
  JSON.stringify({ ...facts, url: 'https://gpu1.lan:8390/../api' }),
  JSON.stringify({ ...facts, url: 'file:///etc/passwd' }),
  JSON.stringify({ ...facts, version: 7 }),
])('a Redis that holds something else makes no host: %s', (words) => {
  expect(hostFactsOf(words)).toBeNull();
});

test.each([-1, 1.5, '5', null, 2 ** 60, {}])('a figure that is none counts as 0: %s', (weight) => {
  expect(hostFactsOf(JSON.stringify({ ...facts, weight }))).toEqual({ ...facts, weight: 0 });
});
