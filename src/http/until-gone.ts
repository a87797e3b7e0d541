import type { ServerResponse } from 'node:http';

/** Aborts when the client disconnects before its answer is complete. */
export function untilGone(raw: ServerResponse): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => raw.writableFinished || gone.abort());
  return gone.signal;
}
