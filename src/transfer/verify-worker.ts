import { constants, setPriority } from 'node:os';
import { CacheError, sentenceOf } from '../core/errors.ts';
import type { Calls } from '../runtime/calls.ts';
import { isThread, serveParent } from '../runtime/peer.ts';
import { sha256OnDisk } from './sha256-on-disk.ts';
import { verifyCopy } from './verify-copy.ts';
import type { VerifyWatcher, VerifyWorker } from './verify-messages.ts';

/** The entry of the thread that reads files again. */
const parent: Calls<VerifyWatcher> = serveParent<VerifyWatcher, VerifyWorker>({
  verify: (order) =>
    verifyCopy(order, parent.tell.progress).catch((error: unknown) => {
      throw new CacheError('CACHE_IO', sentenceOf(error));
    }),
  sha256: (path) => sha256OnDisk(path).catch(() => null),
});

// No program waits for it. Only Linux has a priority per thread.
if (!isThread || process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW);
