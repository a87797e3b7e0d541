import { expect, test } from 'vitest';
import { endingFaults, passingFaults } from '../../helpers/object-faults.ts';
import { slowTests } from '../../helpers/slow.ts';
import { copyUnderFaults } from './injected-faults.ts';
import { hubSubject, s3Subject } from './remote-subject.ts';

/** A sample; test/full has 10,000 of each. */
const most = slowTests ? 600 : 100;

test.each([
  ['a bucket', s3Subject],
  ['a repository of Hugging Face', hubSubject],
])('under %s that goes wrong every other time, no copy has a wrong byte', { timeout: 300_000 }, async (_, create) => {
  const subject = await create();
  const count = await copyUnderFaults(subject, most);
  expect(count.faults).toBe(most);
  expect(count.copies - count.failed).toBeGreaterThan(0);
  expect(Object.keys({ ...passingFaults, ...endingFaults })).toEqual(expect.arrayContaining(Object.keys(count.by)));
});
