import { expect, test } from 'vitest';
import { copyUnderFaults } from '../sources/remote/injected-faults.ts';
import { hubSubject, s3Subject } from '../sources/remote/remote-subject.ts';

const most = 10_000;

test.each([
  ['a bucket', s3Subject],
  ['a repository of Hugging Face', hubSubject],
])('10,000 answers of %s go wrong, and no copy has a wrong byte', async (what, create) => {
  const subject = await create();
  const count = await copyUnderFaults(subject, most);
  console.log(what, JSON.stringify(count));
  expect(count.faults).toBe(most);
});
