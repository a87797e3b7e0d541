import { writeFileSync } from 'node:fs';
import { parentPeer } from '../../src/runtime/peer.ts';
import type { FromWorker, ToWorker } from '../../src/transfer/messages.ts';

/** A copy worker whose source has stopped to answer: it writes a little, says so, and is heard of no more. */
const parent = parentPeer<FromWorker, ToWorker>();

parent.onMessage((message) => {
  if (message.type !== 'copy') return;
  writeFileSync(message.order.temp, 'half', { flag: 'wx' });
  parent.send({ type: 'progress', id: message.order.id, bytesDone: 4 });
});
