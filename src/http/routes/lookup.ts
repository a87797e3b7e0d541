import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { LookupAnswer } from '../../api/api.ts';
import type { ExplainAnswer } from '../../api/explain.ts';
import { CacheError } from '../../core/errors.ts';
import { purposes } from '../../core/types.ts';
import { reasonTerm } from '../../core/vocabulary.ts';
import { splitName } from '../../usage/warmer.ts';
import { knownFiles, suggestion } from '../known-files.ts';
import { absolutePath, bytes, clientOf, milliseconds, name, nanoseconds, parse } from '../parse.ts';
import { remoteViews } from '../remote-views.ts';
import type { Services } from '../services.ts';
import { viewOf } from '../views.ts';

const client = z.object({
  app: z.string().max(200),
  pid: z.number().int().optional(),
  prompt: z.string().max(1000).optional(),
  node: z.string().max(1000).optional(),
  nodeClass: z.string().max(1000).optional(),
});

export const lookupBody = z
  .object({
    path: absolutePath.optional(),
    size: bytes.optional(),
    mtimeNs: nanoseconds.optional(),
    ctimeNs: nanoseconds.optional(),
    category: name.optional(),
    name: name.optional(),
    purpose: z.enum(purposes).default('load'),
    waitMs: milliseconds.default(0),
    /** Time waited in earlier slices. */
    waitedMs: milliseconds.optional(),
    sliceMs: milliseconds.optional(),
    client: client.nullable().default(null),
  })
  .refine(
    (body) => body.path !== undefined || (body.category !== undefined && body.name !== undefined),
    'give a path, or a category and a name',
  )
  .meta({ anyOf: [{ required: ['path'] }, { required: ['category', 'name'] }] });

export const explainQuery = z
  .object({ path: absolutePath.optional(), name: name.optional() })
  .refine((query) => (query.path === undefined) !== (query.name === undefined), 'give a path, or category/name as name');

type LookupServices = Pick<
  Services,
  | 'sharedStore'
  | 'lookup'
  | 'lookupStats'
  | 'leases'
  | 'policy'
  | 'catalog'
  | 'published'
  | 'roots'
  | 'settings'
  | 'clock'
  | 'foresight'
  | 'variants'
  | 'tiers'
>;

/** A lookup begins here: parse, ask, answer. */
export function lookupRoutes(app: FastifyInstance, services: LookupServices): void {
  app.post('/api/lookup', async (request): Promise<LookupAnswer> => {
    const asked = parse(lookupBody, request.body);
    const { noPath, ...answer } = await services.lookup.answer({ ...asked, client: clientOf(asked.client, request) });
    if (noPath === undefined) return answer;
    throw new CacheError('NO_COPY', noPath, { hint: '`autocached explain` tells more; `autocached warm` makes a copy.' });
  });

  app.get('/api/cache/explain', async (request): Promise<ExplainAnswer> => {
    const asked = parse(explainQuery, request.query);
    const ask = asked.path === undefined ? splitName(asked.name ?? '') : { path: asked.path };
    const { lookup, lookupStats, leases, policy, catalog, published, roots } = services;
    const examination = await lookup.examine({ ...ask, purpose: 'load', waitMs: 0, client: null });
    const entry = examination?.entry;
    const copies = entry ? catalog.copies.ofEntry(entry.id) : [];
    const standsOn = catalog.bases.sourcesBelow(copies);
    const baseOf = catalog.bases.sourcesAbove(copies);
    const path = asked.path ?? examination?.located.path ?? '';
    const reason = examination?.decision.reason ?? 'BYPASS_UNKNOWN_ROOT';
    const isMissing = !entry && examination?.source.state !== 'present';
    const { word, says } = reasonTerm(reason, examination?.job != null, examination?.isCacheAway);
    const foreseen = services.foresight.of(examination?.located.path ?? path);
    const variants = services.variants.about(examination?.located.path ?? path);
    const isRemote = examination?.located.isRemote;
    const remote = isRemote && remoteViews(services).find((one) => one.path === examination.located.root);
    const farm = entry && catalog.farmContents.of(entry.id, entry.fingerprint);
    const shared = examination && services.sharedStore ? await services.sharedStore.has(examination.located) : null;
    const fromShared = entry !== undefined && catalog.sharedObjects.hasGiven(entry.id);
    const toldWishes = entry && catalog.entries.toldWishesOf(entry.id);
    const serve = examination?.decision.serve === 'copy' ? examination.copy?.path : undefined;
    return {
      path,
      entry: entry ? viewOf(entry, services) : null,
      root: roots.list().find((root) => root.path === examination?.located.root) ?? null,
      ...(remote && { remote }),
      ...(shared !== null && { shared }),
      ...(fromShared && { fromShared }),
      ...(toldWishes && { toldWishes }),
      ...(farm && { farm: { content: farm.id, from: fromShared ? null : farm.from } }),
      leases: copies.flatMap((copy) => leases.on(copy.path)),
      decisions: lookupStats
        .decisionsOn(examination?.located.path ?? path)
        .map(({ at, reason, purpose, app }) => ({ at: new Date(at).toISOString(), reason, purpose, app })),
      score: entry ? policy().score({ entry, bytes: entry.fingerprint.size }, catalog.usage.tick) : null,
      ...(foreseen && { foreseen }),
      sha256: entry ? await published.sha256Of(entry) : null,
      published: entry ? catalog.published.of(entry.id) : null,
      now: { reason, path: serve ?? path, word, why: says },
      meant: isMissing ? suggestion(asked.name ?? path, knownFiles(services)) : null,
      ...(standsOn.length > 0 && { standsOn }),
      ...(baseOf.length > 0 && { baseOf }),
      ...(variants.length > 0 && { variants }),
    };
  });
}
