import { expect, test } from 'vitest';
import { Speeds } from '../../src/usage/speeds.ts';
import { openCatalog } from '../helpers/catalog.ts';

const MB = 1e6;

test('what was measured of a disk is known after a restart, and not guessed again', () => {
  const { catalog, file, close } = openCatalog();
  const speeds = new Speeds(catalog.speeds);
  expect(speeds.of('/nas', 'nas')).toBe(110e6);
  speeds.learn('/nas', 100 * MB, 2000);
  for (let copy = 0; copy < 30; copy += 1) speeds.learnSmallReads('/nas', 'nas', 4);
  speeds.learn('ssd', 100 * MB, 25);
  close();
  const again = new Speeds(openCatalog({ file }).catalog.speeds);
  expect(again.of('/nas', 'nas')).toBeCloseTo(50e6);
  expect(again.smallReadMs('/nas', 'nas')).toBeCloseTo(4, 2);
  expect(again.ofTier('ssd')).toBeCloseTo(4e9);
  expect(again.secondsSaved({ root: '/nas', medium: 'nas' }, 'ssd', 1e9)).toBeCloseTo(20 - 0.25);
});

test('one measurement that the page cache answered does not outweigh those before', () => {
  const speeds = new Speeds(openCatalog().catalog.speeds);
  for (let copy = 0; copy < 5; copy += 1) speeds.learn('/hdd', 150 * MB, 1000);
  speeds.learn('/hdd', 150 * MB, 30);
  expect(speeds.of('/hdd', 'hdd')).toBeLessThan(2e9);
  speeds.learnSmallReads('/hdd', 'hdd', 0.02);
  expect(speeds.smallReadMs('/hdd', 'hdd')).toBeGreaterThan(5);
  speeds.learn('/hdd', 1000, 1e-9);
  expect(speeds.of('/hdd', 'hdd')).toBeLessThan(2e9);
});
