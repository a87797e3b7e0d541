import type { Socket } from 'node:net';
import { CacheError } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { nodeHttp } from '../runtime/node-http.ts';

/** Answers bytes that are no readable HTTP, which reach neither a route nor its error handler. */
export function answerUnreadable(thrown: Error, socket: Socket): void {
  if (errnoOf(thrown) === 'ECONNRESET' || socket.destroyed) return;
  const error = unreadable(errnoOf(thrown));
  const body = JSON.stringify({ error: error.body });
  const head = [
    `HTTP/1.1 ${error.status} ${nodeHttp.STATUS_CODES[error.status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}

function unreadable(errno: string | undefined): CacheError {
  if (errno === 'HPE_HEADER_OVERFLOW') return new CacheError('HEADERS_TOO_LARGE', 'address and headers are larger than 16 KiB');
  if (errno === 'ERR_HTTP_REQUEST_TIMEOUT') return new CacheError('REQUEST_TIMEOUT', 'the request did not come in time');
  return new CacheError('BAD_REQUEST', 'this is no HTTP request');
}
