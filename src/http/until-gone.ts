import type { ServerResponse } from 'node:http';

/** Aborts when the client has left before its answer was whole. */
export function untilGone(raw: ServerResponse): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => raw.writableFinished || gone.abort());
  return gone.signal;
}
