import { constants, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { messageOf } from '../core/errors.ts';
import { parentPeer } from '../runtime/peer.ts';
import { verifyCopy } from './verify-copy.ts';
import type { FromScrubWorker, VerifyOrder } from './verify-messages.ts';

/** The entry of the thread that reads copies again, one after the other. */
const parent = parentPeer<FromScrubWorker, VerifyOrder>();

// Nobody waits for it. Only Linux has a priority for each thread.
if (isMainThread || process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW);

parent.onMessage((order) => {
  const { id } = order;
  verifyCopy(order, (bytesDone) => parent.send({ type: 'progress', id, bytesDone }))
    .then((verdict) => parent.send({ type: 'verified', id, verdict }))
    .catch((error: unknown) => parent.send({ type: 'failed', id, message: messageOf(error) }));
});
