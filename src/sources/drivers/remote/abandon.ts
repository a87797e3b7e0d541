import type { Readable } from 'node:stream';

/**
 * Leaves the rest of an answer unread. A complete answer is read to its end: destroying it would also end its connection, which the
 * next request may already use.
 */
export function abandon(body: Readable & { complete?: boolean }): void {
  body.on('error', () => {});
  if (body.complete) body.resume();
  else body.destroy();
}
