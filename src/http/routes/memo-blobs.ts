import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { MemoStaged } from '../../api/memo.ts';
import { CacheError } from '../../core/errors.ts';
import { holderOn } from '../../memo/asker.ts';
import { sha256, stagedName } from '../memo-requests.ts';
import { bytes, parse } from '../parse.ts';
import type { Proofs } from '../proofs.ts';
import type { Services } from '../services.ts';

const address = '/api/memo/blobs/:sha256';
export const stageBody = z.strictObject({ size: bytes, pid: z.number().int().positive().optional() });
export const takeBody = z.strictObject({ staged: stagedName, sha256: sha256.optional() });
/** Half the time for which a staged file of an unidentified program is kept after its connection has closed, ms. */
const unknownMs = 60_000;
export const missingBody = z.strictObject({ sha256: z.array(sha256).max(10_000) });

interface Params {
  Params: { sha256: string };
}

/** The bytes of results, by their SHA-256. */
export function memoBlobRoutes(app: FastifyInstance, { memo }: Pick<Services, 'memo'>, proofs: Proofs): void {
  const { blobs } = memo;

  app.post('/api/memo/blobs/missing', (request) => {
    const { sha256: names } = parse(missingBody, request.body);
    return { missing: blobs.missing(names) };
  });

  app.post('/api/memo/stage', async (request): Promise<MemoStaged> => {
    const { size, pid = null } = parse(stageBody, request.body);
    return (await blobs.stage(size, holderOn(request.raw.socket, { pid, leaseMs: unknownMs }))) ?? away();
  });

  app.delete<{ Params: { staged: string } }>('/api/memo/stage/:staged', async (request) => {
    await blobs.dropStaged(request.params.staged);
    return { ok: true };
  });

  app.post('/api/memo/blobs', async (request, reply) => {
    const { staged, sha256: name = null } = parse(takeBody, request.body);
    const blob = (await blobs.take(staged, name)) ?? away();
    return reply.status(201).send({ sha256: blob.sha256, size: blob.seal.size });
  });

  app.route<Params>({
    method: ['GET', 'HEAD'],
    url: address,
    handler: (request, reply) => {
      const found = blobs.find(nameIn(request));
      if (!found) throw new CacheError('NOT_FOUND', 'there is no such blob');
      return sendFile(reply, { ...found, range: request.method === 'GET' ? request.headers.range : undefined });
    },
  });

  // Its bytes may be of any type, and are not read into memory.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    scope.put<Params>(address, { bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
      const name = nameIn(request);
      proofs.assertDigest(request, name);
      const body = request.body as Readable | undefined;
      const told = request.headers['content-length'];
      const size = told === undefined ? null : Number(told);
      const blob = (await blobs.store({ bytes: body ?? [], size, sha256: name })) ?? away();
      return reply.status(201).send({ sha256: name, size: blob.seal.size });
    });
  });
}

function away(): never {
  throw new CacheError('CONFLICT', 'nothing is stored now', {
    hint: 'AUTOCACHE_MEMO and AUTOCACHE_MODE say whether results are kept.',
  });
}

function nameIn(request: FastifyRequest<Params>): string {
  return parse(sha256, request.params.sha256);
}

interface File {
  sha256: string;
  path: string;
  seal: { size: number };
  range: string | undefined;
}

/** One range is served; for several ranges, or an invalid one, the whole. */
function sendFile(reply: FastifyReply, { sha256: name, path, seal: { size }, range }: File): FastifyReply {
  reply.headers({ 'accept-ranges': 'bytes', etag: `"${name}"`, 'content-type': 'application/octet-stream' });
  const part = rangeOf(range, size);
  if (part === 'beyond') return reply.status(416).header('content-range', `bytes */${size}`).send();
  const { start, end } = part ?? { start: 0, end: size - 1 };
  if (part) reply.status(206).header('content-range', `bytes ${start}-${end}/${size}`);
  reply.header('content-length', end - start + 1);
  if (reply.request.method === 'HEAD' || size === 0) return reply.send('');
  return reply.send(createReadStream(path, { start, end }));
}

function rangeOf(range: string | undefined, size: number): { start: number; end: number } | 'beyond' | null {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return null;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? 'beyond' : { start, end };
}
