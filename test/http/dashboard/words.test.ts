import { expect, test } from 'vitest';
import {
  agoText,
  belowRoot,
  copiesText,
  lastDays,
  missesText,
  percentText,
  splitPath,
} from '../../../src/http/dashboard/figures.js';
import { addressOf, readAddress } from '../../../src/http/dashboard/router.js';
import { verdictOf } from '../../../src/http/dashboard/verify.js';

const now = Date.parse('2026-03-01T12:00:00Z');

test('plurals, zero and percent are right', () => {
  expect([0, 1, 2, 1204].map(copiesText)).toEqual(['0 copies', '1 copy', '2 copies', '1,204 copies']);
  expect([null, 0, 0.004, 0.5, 0.994, 0.9996, 1].map((share) => percentText(share))).toEqual([
    'none yet',
    '0%',
    '0%',
    '50%',
    '99.4%',
    '99.9%',
    '100%',
  ]);
});

test('times are told as people do', () => {
  const ago = (ms: number) => agoText(new Date(now - ms).toISOString(), now);
  expect([0, 60_000, 59 * 60_000, 3 * 3600_000, 49 * 3600_000].map(ago)).toEqual([
    'just now',
    '1\u00a0min ago',
    '59\u00a0min ago',
    '3\u00a0h ago',
    '2\u00a0days ago',
  ]);
  expect(agoText(null, now)).toBe('never');
  // A clock that was set back.
  expect(ago(-60_000)).toBe('just now');
});

test('paths of both kinds of systems are split', () => {
  expect(splitPath('/mnt/nas/loras/a.safetensors')).toEqual({ before: '/mnt/nas/loras/', base: 'a.safetensors' });
  expect(splitPath('D:\\models\\a.safetensors')).toEqual({ before: 'D:\\models\\', base: 'a.safetensors' });
  expect(splitPath('a.safetensors')).toEqual({ before: '', base: 'a.safetensors' });
  expect(belowRoot('/nas/models/loras/a', ['/nas', '/nas/models', '/other'])).toBe('loras/a');
  expect(belowRoot('D:\\models\\loras\\a', ['D:\\models'])).toBe('loras\\a');
  expect(belowRoot('/nas/a', [])).toBe('nas/a');
});

test('days without any load are in the charts', () => {
  const days = lastDays([{ day: '2026-02-27', hits: 3 }], 4, now) as { day: string; hits: number; secondsSaved: number }[];
  expect(days.map(({ day, hits }) => [day, hits])).toEqual([
    ['2026-02-26', 0],
    ['2026-02-27', 3],
    ['2026-02-28', 0],
    ['2026-03-01', 0],
  ]);
  expect(days.every(({ secondsSaved }) => secondsSaved === 0)).toBe(true);
});

test('an address names a page and its choices; any other one the first page', () => {
  const names = ['overview', 'library'];
  const address = addressOf('library', [
    ['category', 'loras'],
    ['category', 'a&b'],
    ['search', ''],
  ]);
  expect(address).toBe('#/library?category=loras&category=a%26b');
  const { name, query } = readAddress(address, names);
  expect([name, query.getAll('category')]).toEqual(['library', ['loras', 'a&b']]);
  for (const other of ['', '#', '#/', '#/none', '#abc', '#/../library'])
    expect(readAddress(other, names).name).toBe('overview');
});

test('a check of copies ends with a verdict', () => {
  const nothing = { damaged: [], mismatched: [], skipped: [] };
  expect(verdictOf({ files: 1, bytes: 30 * 2 ** 20, ...nothing })).toBe('1 copy verified (30\u00a0MiB): OK');
  const damaged = [{ path: '/m/a', why: 'corrupted on the SSD (chunk 0)', recopied: true }];
  expect(verdictOf({ files: 2, bytes: 1024, ...nothing, damaged })).toBe(
    '2 copies verified (1\u00a0KiB). /m/a: corrupted on the SSD (chunk 0); it is being copied anew',
  );
});

test('what a larger cache would have saved is told in a sentence, and so is that nothing is known', () => {
  const GiB = 2 ** 30;
  const limit = 100 * GiB;
  const points = [{ bytes: limit, seconds: 5400, misses: 30 }];
  const more = { bytes: 200 * GiB, seconds: 41 * 60 };
  const told = { loads: 210, points, limit, more, cold: null };
  expect(missesText(told)).toBe(
    'In the last 30 days, 210 loads took 1\u00a0h 30\u00a0min longer than from the cache. With 200\u00a0GiB more you would have saved 41\u00a0min.',
  );
  expect(missesText({ ...told, loads: 1, more: null })).toBe(
    'In the last 30 days, 1 load took 1\u00a0h 30\u00a0min longer than from the cache. A larger cache would have saved little.',
  );
  const cold = { saves: 12 * 60, change: 'cold' };
  expect(missesText({ ...told, cold })).toMatch(
    /41\u00a0min\. Compressing copies \(AUTOCACHE_COMPRESS=cold\) would have saved you 12\u00a0min\.$/,
  );
  expect(missesText({ ...told, cold: { saves: -180, change: 'off' } })).toMatch(
    /Compressing copies costs you 3\u00a0min: AUTOCACHE_COMPRESS=off is better\.$/,
  );
  expect(missesText({ ...told, cold: { saves: 20, change: null } })).toMatch(/41\u00a0min\.$/);
  expect(missesText({ loads: 0, points: [], limit, more: null, cold: null })).toMatch(/^No loads are recorded/);
});
