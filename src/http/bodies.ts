import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { assertPlainShape } from '../core/json-shape.ts';
import { bounded } from '../runtime/deadline.ts';
import { Serial } from '../runtime/serial.ts';

const MiB = 1024 * 1024;
/** Maximum body of a route that has no limit of its own, bytes. */
export const bodyLimit = 16 * MiB;
/** Maximum body of a route with one path, bytes: the longest path in its longest JSON form, and a few fields. */
const fewFields = MiB / 4;
/** Routes with larger bodies, and their maximum, bytes; the first match counts. */
const largeBodies: readonly (readonly [RegExp, number])[] = [
  // Lists of files, keys and hashes.
  [/^\/api\/cache\/(pin|unpin|evict|verify|written|take-over)$/, 4 * MiB],
  [/^\/api\/memo\/(renew|release|invalidate|verify|blobs\/missing)$/, 4 * MiB],
  [/^\/api\/(roots|stuck)$/, 4 * MiB],
  // All paths that a program was given; workflows and images of ComfyUI; results and their keys.
  [/^\/api\/(workflows\/|hints$|leases$|prompts\/|presets\/:|generate-3d-cached$|cache\/warm$|memo\/)/, bodyLimit],
];
/** Least limit of all routes, bytes: a smaller body is not checked against its route, which costs a good part of a lookup. */
export const leastBodyLimit = 1024;
/** Maximum bytes of all bodies that are being read and parsed. */
const mostBytes = 64 * 1024 * 1024;
/** Maximum of a small body, as of lookups, bytes: it finds room when larger ones have taken theirs. */
const small = 64 * 1024;
const mostLarge = 48 * 1024 * 1024;
/** Size from which a body is parsed in a turn of its own, bytes. */
const parsedAtOnce = 256 * 1024;
/** Maximum time for reading and dropping the rest of a refused body, ms. */
const drainMs = 5000;

/** Maximum body of this route, bytes. @param url as the route has it, such as `/api/jobs/:id` */
export function bodyLimitOf(url: string): number {
  return largeBodies.find(([routes]) => routes.test(url))?.[1] ?? fewFields;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** A JSON body as it was written: its numbers may have more digits than JavaScript's. */
    bodyText: string;
  }
}

/**
 * Reads JSON bodies within a limit for all together, and parses large ones one by one, so that small ones do not wait behind them.
 * By callback and with events: promises and iterators cost a good part of a lookup.
 * @param check throws for a body to refuse before it is parsed
 */
export function readBodies(app: FastifyInstance, check: (request: FastifyRequest, body: string) => void): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  const parseData = app.getDefaultJsonParser('ignore', 'ignore');
  app.decorateRequest('bodyText', '');
  const parsing = new Serial();
  let underWay = 0;
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', (request: FastifyRequest, payload: Readable, done: Parsed) => {
    let taken = 0;
    const takeUpTo = (length: number) => {
      if (length <= taken) return;
      const most = length <= leastBodyLimit ? length : request.routeOptions.bodyLimit;
      if (length > most) throw new CacheError('BODY_TOO_LARGE', `the body is larger than ${formatBytes(most)}`);
      if (underWay + length - taken > (length > small ? mostLarge : mostBytes))
        throw new CacheError('BUSY', 'too many large requests at once', { hint: 'Try again in a second.' });
      underWay += length - taken;
      taken = length;
    };
    const end = (error: Error | null, body?: unknown) => {
      underWay -= taken;
      done(error, body);
    };
    const refuse = (error: Error) => {
      // A client that is still sending would not see the answer.
      if (error instanceof CacheError && error.code === 'BUSY') void drained(payload).then(() => end(error));
      else end(error);
    };
    readWhole(payload, Number(request.headers['content-length'] ?? 0), takeUpTo, (error, bytes) => {
      if (error) return refuse(error);
      const text = bytes.toString();
      request.bodyText = text;
      const parseNow = () => void (isData(request, text) ? parseData : parse)(request, text, end);
      try {
        check(request, text);
      } catch (error) {
        return end(error as Error);
      }
      if (bytes.length <= parsedAtOnce) return parseNow();
      parsing
        .run(async () => {
          await nextTurn();
          assertPlainShape(bytes);
        })
        .then(parseNow, end);
    });
  });
}

/** Results and their keys are data of programs: a field of theirs may have any name, `__proto__` too. */
function isData({ url }: FastifyRequest, text: string): boolean {
  return url.startsWith('/api/memo/') || (url === '/api/cache/warm' && /"plane"\s*:\s*"memo"/.test(text));
}

type Parsed = (error: Error | null, body?: unknown) => void;

/**
 * Reads a body of `told` bytes, if its client said so.
 * @param takeUpTo called with the bytes so far; if it throws, nothing more is kept, and the stream stays open
 * @param done called once
 */
function readWhole(
  payload: Readable,
  told: number,
  takeUpTo: (bytes: number) => void,
  done: (error: Error | null, bytes: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let isDone = false;
  const end = (error: Error | null) => {
    if (isDone) return;
    isDone = true;
    done(error, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
  };
  const take = (bytes: number): boolean => {
    try {
      takeUpTo(bytes);
      return true;
    } catch (error) {
      payload.off('data', keep).pause();
      end(error as Error);
      return false;
    }
  };
  const keep = (chunk: Buffer) => {
    length += chunk.length;
    if (take(length)) chunks.push(chunk);
  };
  if (!take(told)) return;
  payload
    .on('data', keep)
    .once('end', () => end(null))
    .once('error', end)
    .once('close', () => {
      // Every body ends with it, and an error costs its stack.
      if (!isDone) end(new Error('the client hung up'));
    });
}

/** Resolves when the rest of a refused body was read and dropped, or its time has passed. */
function drained(payload: Readable): Promise<unknown> {
  return bounded(
    finished(payload.resume()).catch(() => {}),
    drainMs,
  );
}
