import { expect, test } from 'vitest';
import { troublesOf } from '../../../src/http/dashboard/troubles.js';

interface Trouble {
  grave: boolean;
  text: string;
  todo: string;
  page?: string;
}

const root = { path: '/nas', health: 'ok', why: null, files: 3, origin: 'config' };
const healthy = {
  tiers: [{ tier: 'ssd', state: 'here' }],
  dir: '/ssd',
  orphans: [],
  roots: [root],
  stuck: [],
  mismatched: 0,
  written: { files: 0, bytes: 0 },
  mode: 'read-write',
  accounting: null,
  warnings: [],
};
const troubles = (part: object, more: object = {}) => troublesOf({ ...healthy, ...part }, more) as Trouble[];

test('nothing is wrong while nothing is', () => {
  expect(troubles({})).toEqual([]);
});

test.each([
  ['a disk that is away', { tiers: [{ tier: 'ssd', state: 'away' }] }, true, /SSD tier is away \(\/ssd\)/],
  ['a disk that takes no writes', { tiers: [{ tier: 'ssd', state: 'read-only' }] }, true, /takes no writes/],
  [
    'a folder that is away',
    { roots: [root, { ...root, path: '/b', health: 'away', why: 'it does not answer' }] },
    false,
    /^\/b is away: it/,
  ],
  ['a mistyped folder', { roots: [root, { ...root, path: '/c', health: 'missing' }] }, false, /^\/c is missing\.$/],
  ['sources that were never as published', { mismatched: 2 }, true, /^2 sources differ .* with them\.$/],
  ['one of them', { mismatched: 1 }, true, /^1 source differs .* with it\.$/],
  ['a model that stays open on a slow disk', { stuck: [{ app: 'comfyui' }] }, false, /still reads 1 model/],
  [
    'files that are no copies',
    { orphans: [{ bytes: 1024 }] },
    false,
    /^1 file in the cache directory is no copy \(1\u00a0KiB\)/,
  ],
  ['the mode', { mode: 'off' }, false, /^autocached is off/],
  ['no folder at all', { roots: [] }, false, /No model folder/],
  ['accounting', { accounting: { seen: 1200 } }, false, /1,200 so far/],
  ['a warning of the settings', { warnings: ['AUTOCACHE_X counts after: autocached restart'] }, false, /^AUTOCACHE_X/],
])('%s is told, with what to do', (_what, part, grave, text) => {
  const [first, ...more] = troubles(part);
  expect(first).toMatchObject({ grave, text: expect.stringMatching(text) });
  expect(first?.todo.length).toBeGreaterThan(5);
  expect(more).toEqual([]);
});

test('a folder of ComfyUI that never was is no trouble', () => {
  expect(troubles({ roots: [root, { ...root, path: '/comfy/gligen', origin: 'comfyui', health: 'missing' }] })).toEqual([]);
});

test('what is grave comes first; failed copies and a pause are told', () => {
  const failed = { id: 1, path: '/nas/a', state: 'failed', error: { message: 'no room' } };
  const found = troubles(
    { mode: 'off', mismatched: 1 },
    { paused: true, jobs: [failed, { state: 'cancelled', error: { message: 'x' } }] },
  );
  expect(found.map(({ grave }) => grave)).toEqual([true, false, false, false]);
  expect(found.map(({ text }) => text).join('\n')).toMatch(/1 copy could not be made: no room/);
  expect(found.map(({ text }) => text)).toContain('Copying is paused.');
  const mended = { id: 2, path: '/nas/a', state: 'done', error: null };
  expect(troubles({}, { jobs: [mended, failed] })).toEqual([]);
});
