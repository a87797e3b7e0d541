import { describe, expect, test } from 'vitest';
import { sharedFindings } from '../../src/cli/doctor/shared-checks.ts';
import { contentKey } from '../../src/shared/store-names.ts';
import { S3Writer } from '../../src/sources/drivers/s3/s3-writer.ts';
import { patience } from '../helpers/patience.ts';
import { noVersitygw } from '../helpers/versitygw.ts';
import { newStore } from './hosts.ts';

describe.skipIf(noVersitygw !== null)('doctor looks at the shared store', { timeout: patience(60_000) }, () => {
  test('and says what it holds, and when it is full', async () => {
    const { at, writer } = await newStore();
    const look = (limit: number) => sharedFindings({ at, limit }, writer);
    expect(await look(1000)).toMatchObject([
      { verdict: 'ok', says: expect.stringContaining('can be read and written; 0 models') },
    ]);
    await writer.putText(contentKey('a'.repeat(64)), 'x'.repeat(960));
    expect(await look(1000)).toMatchObject([{ verdict: 'warn', says: expect.stringContaining('it is full') }]);
    expect((await writer.list('')).map(({ key }) => key)).toEqual([contentKey('a'.repeat(64))]);
  });

  test('and says that it refuses access', async () => {
    const { at } = await newStore();
    const bad = { accessKeyId: 'nobody', secretAccessKey: 'wrong' };
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: bad.accessKeyId, AWS_SECRET_ACCESS_KEY: bad.secretAccessKey });
    const [found] = await sharedFindings({ at, limit: 1000 }, new S3Writer(at));
    expect(found).toMatchObject({
      check: 'shared',
      verdict: 'fail',
      says: expect.stringContaining('copies come from the origin'),
    });
  });
});
