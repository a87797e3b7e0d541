import { describe } from 'vitest';
import { noVersitygw } from '../helpers/versitygw.ts';
import { levelContract } from './level.contract.ts';
import { inSharedStore, inTier } from './levels-in-use.ts';

levelContract('the ssd tier', (limit) => inTier('ssd', limit));

levelContract('the ram tier', (limit) => inTier('ram', limit));

describe.skipIf(noVersitygw !== null)(
  `over S3${noVersitygw === null ? '' : ` (left out: ${noVersitygw})`}`,
  { tags: 'slow' },
  () => {
    levelContract('the shared store', inSharedStore);
  },
);
