import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { MemoNamespaceSettings, MemoSemantic } from '../../api/memo.ts';
import { CacheError } from '../../core/errors.ts';
import { parseSize } from '../../core/units.ts';
import { askerOn, holderOn } from '../../memo/asker.ts';
import { lifetime, lifetimeMs, namespace, readGet, readPut, readSimilar, readTake, sha256 } from '../memo-requests.ts';
import { checkedSemantic, semantic } from '../memo-semantic.ts';
import { bytes, parse } from '../parse.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { Services } from '../services.ts';
import { untilGone } from '../until-gone.ts';
import { invalidateMemo } from './memo-plane.ts';

export const renewBody = z.strictObject({ lease: z.string().max(100) });
export const releaseBody = z.strictObject({
  lease: z.string().max(100),
  error: z.string().max(10_000).optional(),
  all: z.boolean().optional(),
});
export const emptyBody = z.strictObject({});
export const explainQuery = z.object({ ns: namespace, key: sha256 });

/** Null = as in the settings of the daemon. */
export const namespaceBody = z.strictObject({
  version: z.string().max(200).optional(),
  ttl: lifetime.nullish(),
  stale: lifetime.nullish(),
  negativeTtl: lifetime.nullish(),
  maxItems: z.number().int().min(1).max(100_000_000).nullish(),
  maxBytes: z.union([z.string().max(100), bytes]).nullish(),
  semantic: semantic.nullish(),
});
/** Maximum lifetime of a result that no program should rely on, ms. */
const longestNegativeMs = 60_000;

/** Results: finding, computing once, storing. */
export function memoRoutes(app: FastifyInstance, services: Pick<Services, 'memo' | 'clock'>, limit: RateLimit): void {
  const { memo } = services;
  const { manage } = memo;
  const versionOf = (ns: string) => memo.versionOf(ns);

  app.post('/api/memo/get', async (request, reply) => {
    const { questions, many } = readGet(request, versionOf);
    const answers = await Promise.all(questions.map((question) => memo.get(question)));
    return sendJson(reply, many ? `{"results":[${answers.join()}]}` : (answers[0] ?? ''));
  });

  app.post('/api/memo/take', async (request, reply) => {
    const { question, waitMs, leaseMs, pid } = readTake(request, versionOf);
    return sendJson(reply, await memo.take(question, askerOn(request.raw.socket, { pid, leaseMs }), waitMs));
  });

  app.post('/api/memo/put', (request) => memo.put(readPut(request, versionOf)));

  app.post('/api/memo/renew', (request) => {
    const { lease } = parse(renewBody, request.body);
    const renewed = memo.renew(lease, ({ ms, pid }) => holderOn(request.raw.socket, { pid, leaseMs: ms }));
    return { leaseMs: renewed.ms };
  });

  app.post('/api/memo/release', (request) => {
    const { lease, error = null, all } = parse(releaseBody, request.body);
    if (error === null && all) memo.dissolve(lease);
    else memo.release(lease, error);
    return { ok: true };
  });

  app.post('/api/memo/similar', (request) => {
    const { ns, asked, most } = readSimilar(request, versionOf);
    return memo.similar(ns, asked, most);
  });

  app.post('/api/memo/invalidate', (request, reply) => {
    limit.admit(reply);
    return invalidateMemo(services, request.body);
  });

  app.get('/api/memo/explain', (request) => {
    const { ns, key } = parse(explainQuery, request.query);
    return manage.explain(ns, key);
  });

  app.post('/api/memo/verify', (request: FastifyRequest, reply) => {
    parse(emptyBody, request.body);
    return manage.verify(untilGone(reply.raw));
  });

  app.get('/api/memo/namespaces', () => ({ namespaces: manage.namespaces() }));

  app.put<{ Params: { ns: string } }>('/api/memo/namespaces/:ns', async (request) => {
    const name = parse(namespace, request.params.ns);
    const { version, semantic: compared, ...said } = parse(namespaceBody, request.body) as z.output<typeof namespaceBody>;
    const comparing = compared && checkedSemantic(name, compared, memo.canEmbed);
    const changed = await manage.change(name, (before) => ({
      ...before,
      version: version ?? before.version,
      settings: changedSettings(before.settings, said, comparing),
    }));
    return changed ?? away();
  });
}

type Said = Omit<z.output<typeof namespaceBody>, 'version' | 'semantic'>;

function changedSettings(
  before: MemoNamespaceSettings,
  said: Said,
  comparing: MemoSemantic | null | undefined,
): MemoNamespaceSettings {
  const { ttl, stale, negativeTtl, maxItems, maxBytes } = said;
  const { ttlMs, staleMs, negativeTtlMs } = before;
  const settings: { [K in keyof MemoNamespaceSettings]: MemoNamespaceSettings[K] | undefined } = {
    ttlMs: chosen(ttl, ttlMs, (given) => lifetimeMs(given, 'ttl')),
    staleMs: chosen(stale, staleMs, (given) => lifetimeMs(given, 'stale') ?? undefined),
    negativeTtlMs: chosen(negativeTtl, negativeTtlMs, negativeMs),
    maxItems: chosen(maxItems, before.maxItems, Number),
    maxBytes: chosen(maxBytes, before.maxBytes, sizeOf),
    semantic: comparing === undefined ? before.semantic : (comparing ?? undefined),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as MemoNamespaceSettings;
}

/** Left out = as before, null = as in the settings. */
function chosen<Ms>(
  given: string | number | null | undefined,
  before: Ms,
  read: (given: string | number) => Ms,
): Ms | undefined {
  if (given === undefined) return before;
  return given === null ? undefined : read(given);
}

function negativeMs(given: string | number): number {
  const ms = lifetimeMs(given, 'negativeTtl');
  if (ms !== null && ms <= longestNegativeMs) return ms;
  throw new CacheError('BAD_REQUEST', 'negativeTtl: at most 60s');
}

function sizeOf(given: string | number): number {
  try {
    const size = typeof given === 'number' ? given : parseSize(given);
    if (size > 0) return size;
  } catch (error) {
    throw new CacheError('BAD_REQUEST', `maxBytes: ${(error as Error).message}`);
  }
  throw new CacheError('BAD_REQUEST', 'maxBytes: must be more than 0');
}

function away(): never {
  throw new CacheError('CACHE_AWAY', 'results cannot be kept now: the cache disk is away');
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(text);
}
