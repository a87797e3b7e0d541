import { writeFileSync } from 'node:fs';
import { parentPeer } from '../../src/runtime/peer.ts';
import type { FromWorker, ToWorker } from '../../src/transfer/messages.ts';

/** A copy worker that dies in the middle of its first order, as one that runs out of memory or is killed does. */
const parent = parentPeer<FromWorker, ToWorker>();

parent.onMessage((message) => {
  if (message.type !== 'copy') return;
  writeFileSync(message.order.temp, 'half', { flag: 'wx' });
  process.exit(1);
});
