import { expect, test } from 'vitest';
import { farmFacts, holdersText, stateText } from '../../../src/http/dashboard/farm-rows.js';

const GiB = 2 ** 30;
const farm = { name: 'studio', host: 'gpu1', url: 'https://gpu1:8390', directory: { state: 'up', why: null } };

test('the state of a farm is a sentence, also while its Redis is away', () => {
  expect(stateText(farm)).toBe('Farm studio: its Redis answers. This host is gpu1; others read from it at https://gpu1:8390.');
  const away = { ...farm, url: null, directory: { state: 'away', why: 'no answer in time' } };
  expect(stateText(away)).toMatch(/its Redis does not answer: no answer in time; .*it gives nothing to others\.$/);
});

test('what the origin was spared is of all hosts', () => {
  const host = { originBytes: GiB, receivedBytes: 3 * GiB };
  const facts = farmFacts({ hosts: [host, host], peerErrors: { silent: 1, gone: 2, lied: 3, refused: 0 } });
  expect(facts).toEqual([
    ['Hosts', '2'],
    ['Read from origins', '2\u00a0GiB'],
    ['Read from other hosts', '6\u00a0GiB'],
    ['Spared the origin', '75%'],
    ['Requests without bytes', '3'],
    ['Wrong bytes refused', '3'],
  ]);
  const quiet = farmFacts({ hosts: [], peerErrors: { silent: 0, gone: 0, lied: 0, refused: 0 } });
  expect(quiet[3]).toEqual(['Spared the origin', 'none yet']);
});

test('hosts that have a part are told with their share, the first four by name', () => {
  const of = (has: number) => ({ host: `gpu${has}`, has });
  expect(holdersText([], 8)).toBe('none');
  expect(holdersText([of(8), of(2)], 8)).toBe('gpu8, gpu2 25%');
  expect(holdersText([1, 2, 3, 4, 5].map(of), 5)).toBe('gpu1 20%, gpu2 40%, gpu3 60%, gpu4 80% and 1 more host');
});
