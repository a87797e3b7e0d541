import type { Readable } from 'node:stream';

/**
 * Leaves the rest of an answer unread. One that is complete already is read to its end: destroying it would end its connection too,
 * which may have been given to the next request meanwhile.
 */
export function abandon(body: Readable & { complete?: boolean }): void {
  body.on('error', () => {});
  if (body.complete) body.resume();
  else body.destroy();
}
