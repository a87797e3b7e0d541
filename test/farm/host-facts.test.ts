import { expect, test } from 'vitest';
import { hostFactsOf } from '../../src/farm/host-facts.ts';
import { commonVersion } from '../../src/farm/peer-wire.ts';

const facts = {
  ...{ host: 'gpu1', url: 'https://gpu1.lan:8390', version: '1.0.0', wire: { lowest: 1, highest: 1 }, weight: 100 },
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

test('a host that does not say which versions it speaks is one of before there was a second', () => {
  const { wire, ...before } = facts;
  expect(hostFactsOf(JSON.stringify(before))).toEqual({ ...before, wire });
  expect(hostFactsOf(JSON.stringify({ ...before, wire: { lowest: 2, highest: 3 } }))?.wire).toEqual({ lowest: 2, highest: 3 });
});

test.each([
  [{ lowest: 1, highest: 1 }, 1],
  [{ lowest: 1, highest: 3 }, 1],
  [{ lowest: 2, highest: 3 }, null],
])('with a host that speaks %j it speaks version %s', (theirs, version) => {
  expect(commonVersion(theirs)).toBe(version);
});

test('two hosts of which one knows more speak the highest version of both', () => {
  expect(commonVersion({ lowest: 1, highest: 3 }, { lowest: 1, highest: 2 })).toBe(2);
  expect(commonVersion({ lowest: 1, highest: 1 }, { lowest: 2, highest: 2 })).toBeNull();
});
