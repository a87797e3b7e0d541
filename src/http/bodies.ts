import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { bounded } from '../runtime/deadline.ts';
import { Serial } from '../runtime/serial.ts';
import { assertPlainShape } from './json-shape.ts';

/** Most bytes of one body, unless its route says otherwise. */
export const bodyLimit = 16 * 1024 * 1024;
/** Most bytes of all bodies that are being read and parsed. */
const mostBytes = 64 * 1024 * 1024;
/** Bodies of no more bytes, as lookups have, find room when larger ones have taken theirs. */
const small = 64 * 1024;
const mostLarge = 48 * 1024 * 1024;
/** A larger one is parsed in a turn of its own, bytes. */
const parsedAtOnce = 256 * 1024;
/** The rest of a refused body is read and dropped for at most this time, ms. */
const drainMs = 5000;

/**
 * Reads JSON bodies with a bound on all of them together, and parses large ones one by one: small ones do not wait behind them.
 * @param check throws for a body to refuse before it is parsed
 */
export function readBodies(app: FastifyInstance, check: (request: FastifyRequest, body: string) => void): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  const parsing = new Serial();
  let underWay = 0;
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', async (request: FastifyRequest, payload: Readable) => {
    let taken = 0;
    const take = (bytes: number) => {
      if (taken + bytes > request.routeOptions.bodyLimit)
        throw new CacheError('BODY_TOO_LARGE', `the body is larger than ${formatBytes(request.routeOptions.bodyLimit)}`);
      if (underWay + bytes > (taken + bytes > small ? mostLarge : mostBytes))
        throw new CacheError('BUSY', 'too many large requests at once', { hint: 'Try again in a second.' });
      taken += bytes;
      underWay += bytes;
    };
    const parsed = (text: string) =>
      new Promise((resolve, reject) => {
        void parse(request, text, (error, body) => (error ? reject(error) : resolve(body)));
      });
    try {
      const told = Number(request.headers['content-length'] ?? 0);
      take(told);
      const bytes = await readWhole(payload, (length) => {
        if (length > taken) take(length - taken);
      });
      const text = bytes.toString();
      check(request, text);
      if (bytes.length <= parsedAtOnce) return await parsed(text);
      return await parsing.run(async () => {
        await nextTurn();
        assertPlainShape(bytes);
        return parsed(text);
      });
    } catch (error) {
      // A client that is still sending would not see the answer.
      if (error instanceof CacheError && error.code === 'BUSY')
        await bounded(
          finished(payload.resume()).catch(() => {}),
          drainMs,
        );
      throw error;
    } finally {
      underWay -= taken;
    }
  });
}

/**
 * Listens to events: an async iterator costs a good part of a lookup.
 * @param onLength called with the bytes so far; if it throws, nothing more is kept, and the stream stays open
 */
function readWhole(payload: Readable, onLength: (bytes: number) => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const keep = (chunk: Buffer) => {
      length += chunk.length;
      try {
        onLength(length);
        chunks.push(chunk);
      } catch (error) {
        payload.off('data', keep).pause();
        reject(error);
      }
    };
    payload
      .on('data', keep)
      .once('end', () => resolve(Buffer.concat(chunks)))
      .once('error', reject)
      .once('close', () => reject(new Error('the client hung up')));
  });
}
