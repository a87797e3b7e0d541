import { describe, expect, test } from 'vitest';
import { ramBoundOf, ramTierOf } from '../../src/config/ram-tier.ts';
import { load } from './load.ts';

const GiB = 2 ** 30;

test.each([
  ['nothing', {}, null],
  ['a directory', { AUTOCACHE_RAM_DIR: '/ram/x' }, { dir: '/ram/x', limit: { kind: 'auto' } }],
  ['auto', { AUTOCACHE_RAM_LIMIT: 'auto' }, { dir: null, limit: { kind: 'auto' } }],
  ['a number', { AUTOCACHE_RAM_LIMIT: '2GiB' }, { dir: null, limit: { kind: 'bytes', bytes: 2 * GiB } }],
  ['both', { AUTOCACHE_RAM_DIR: '/ram', AUTOCACHE_RAM_LIMIT: '50%' }, { dir: '/ram', limit: { kind: 'share', share: 0.5 } }],
  ['a directory and a limit of off', { AUTOCACHE_RAM_DIR: '/ram', AUTOCACHE_RAM_LIMIT: 'OFF' }, null],
  ['a limit and a directory of off', { AUTOCACHE_RAM_DIR: 'off', AUTOCACHE_RAM_LIMIT: '2GiB' }, null],
])('%s', (_what, env, expected) => {
  expect(ramTierOf(load(env).config)).toEqual(expected);
});

describe('the bound', () => {
  const memory = { total: 64 * GiB, available: 40 * GiB };

  test.each([
    ['auto', 28 * GiB],
    ['50%', 20 * GiB],
    ['4GiB', 4 * GiB],
  ])('of %s, and 15 % of all memory stay free', (text, limit) => {
    const asked = ramTierOf(load({ AUTOCACHE_RAM_LIMIT: text }).config);
    expect(asked && ramBoundOf(asked.limit, memory)).toEqual({ limit, floor: Math.floor(0.15 * 64 * GiB) });
  });
});
