import { expect, test } from 'vitest';
import { ForeseenFiles } from '../../src/policy/foreseen-files.ts';

const day = 86_400_000;

test('files of the next workflow are likely until they are loaded, another one is foreseen, or a day is over', () => {
  const files = new ForeseenFiles();
  files.foresee('next', ['a', 'b'], { probability: 0.5, now: 0 });
  files.foresee('open', ['b', 'c'], { probability: 0.8, now: 0 });
  const likely = (now: number) => ['a', 'b', 'c', 'd'].map((path) => files.likely(path, now));
  expect(likely(1)).toEqual([0.5, 0.8, 0.8, 0]);
  files.loaded('b', 2);
  expect(likely(3)).toEqual([0.5, 0, 0.8, 0]);
  files.foresee('next', ['d'], { probability: 0.6, now: 4 });
  expect(likely(5)).toEqual([0, 0, 0.8, 0.6]);
  expect(likely(day)).toEqual([0, 0, 0, 0.6]);
  expect(likely(day + 4)).toEqual([0, 0, 0, 0]);
});

test('a new file is as likely loaded as those before it were within a day', () => {
  const files = new ForeseenFiles();
  expect(files.arrived('a', 0)).toBe(true);
  expect(files.likely('a', 1)).toBe(0.8);
  files.loaded('a', 2);
  expect(files.likely('a', 3)).toBe(0);
  expect(files.arrived('b', 4)).toBe(true);
  expect(files.likely('b', 5)).toBeCloseTo(5 / 6);
  expect(files.likely('b', 4 + day)).toBe(0);
  files.arrived('c', 4 + day);
  expect(files.judged).toEqual([true, false]);
  expect(files.arrivalsLoaded).toBeCloseTo(5 / 7);
});

test('while few are loaded nothing is expected of new ones, and when they are it is again', () => {
  const files = new ForeseenFiles();
  let now = 0;
  const isExpected = () => {
    now += 2 * day;
    return files.arrived(`${now}`, now);
  };
  while (isExpected()) expect(now).toBeLessThan(30 * day);
  expect(new ForeseenFiles(files.judged).arrived('again', now)).toBe(false);
  for (let k = 0; k < 20; k++) {
    files.arrived(`loaded-${k}`, now);
    files.loaded(`loaded-${k}`, now);
  }
  expect(isExpected()).toBe(true);
});
