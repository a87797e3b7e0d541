import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { WarmItem, WarmRequest } from '../../api/api.ts';
import { type EntriesAnswer, type EntriesQuery, entrySorts, type ListedEntry, type SourcesAnswer } from '../../api/entries.ts';
import type { MemoEntriesAnswer } from '../../api/memo.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { Placed } from '../../catalog/copy-rows.ts';
import { matcher } from '../../core/file-globs.ts';
import { type Entry, tierNames } from '../../core/types.ts';
import { filterInTurns, Pauses } from '../../runtime/pauses.ts';
import { removeCopies } from '../../space/purge.ts';
import { splitName, type Wanted, wantedModel } from '../../usage/warmer.ts';
import { knownFiles, matching, searching, suggestion } from '../known-files.ts';
import { absolutePath, name, parse, pattern } from '../parse.ts';
import { type SelectServices, select, selectBody } from '../select.ts';
import type { Services } from '../services.ts';
import { tierUseView, viewOf } from '../views.ts';
import { warmOthers } from '../warm-others.ts';
import { isAboutMemo, type MemoPlane } from './memo-plane.ts';

const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

export const entriesQuery = z.object({
  category: name.optional(),
  root: absolutePath.optional(),
  glob: pattern.optional(),
  search: pattern.optional(),
  cached: flag.optional(),
  tier: z.enum(tierNames).optional(),
  pinned: flag.optional(),
  sort: z.enum(entrySorts).optional(),
  descending: flag.optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
  offset: z.coerce.number().int().min(0).default(0),
});

export const evictBody = selectBody.extend({ tier: z.enum(tierNames).optional(), dryRun: z.boolean().optional() });

export const sourcesQuery = z.object({
  search: pattern.optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
});

export const warmBody = z.object({
  paths: z.array(absolutePath).max(10_000).optional(),
  names: z.array(name).max(10_000).optional(),
  globs: z.array(pattern).max(100).optional(),
  workflow: z.unknown().optional(),
  prompt: z.unknown().optional(),
  wait: z.boolean().optional(),
  check: z.boolean().optional(),
  ram: z.boolean().optional(),
  hosts: z.union([z.literal('all'), z.int().min(1).max(1000)]).optional(),
});

type EntryServices = SelectServices &
  Pick<Services, 'leases' | 'farm' | 'sharedStore' | 'warmer' | 'memoryWarmer' | 'workflows' | 'tiers' | 'evictor' | 'clock'>;

/** The entries of the catalog, and actions on chosen ones. */
export function entryRoutes(app: FastifyInstance, services: EntryServices, plane: MemoPlane): void {
  const { catalog, warmer, memoryWarmer } = services;

  app.get('/api/cache/entries', async (request): Promise<EntriesAnswer | MemoEntriesAnswer> => {
    if (isAboutMemo(request.query)) return plane.entries(request.query);
    const asked = parse(entriesQuery, request.query);
    const query = { ...asked, ...(asked.root !== undefined && { root: services.roots.spelled(asked.root) ?? asked.root }) };
    catalog.usage.flush();
    const { total, entries } = await pageOf(query, catalog);
    return { total, entries: entries.map((entry) => listed(entry, services)) };
  });

  app.post('/api/cache/warm', async (request, reply) => {
    if (isAboutMemo(request.body)) return plane.warm(request, reply);
    const body = parse(warmBody, request.body);
    const models = await modelsOf(body, services);
    const globbed = await matching(body.globs ?? [], services);
    const wanted = { ...body, paths: [...new Set([...(body.paths ?? []), ...globbed])] };
    // The other hosts begin at once, so that all read a source together.
    const asks = [...(body.names ?? []).map(splitName), ...models.map(({ ask }) => ask)];
    const others = warmOthers(body, [...wanted.paths.map((path) => ({ path })), ...asks], services);
    const [answer, hosts] = await Promise.all([(body.ram ? memoryWarmer : warmer).warm(wanted, models), others]);
    return { ...answer, items: await withSuggestions(answer.items, services), ...(hosts && { hosts }) };
  });

  /** Files on the sources that no program has asked for yet. */
  app.get('/api/cache/sources', async (request): Promise<SourcesAnswer> => {
    const { search, limit } = parse(sourcesQuery, request.query);
    const isMeant = search === undefined ? () => true : searching(search);
    const known = new Set(catalog.entries.list({}).map(({ path }) => path));
    const found = await filterInTurns(services.roots.files(), (file) => !known.has(file.path) && isMeant(file));
    const files = found
      .slice(0, limit)
      .map(({ path, root, rel, category, size }) => ({ path, root, name: rel, category, size }));
    return { total: found.length, files };
  });

  app.post('/api/cache/evict', async (request) => {
    const body = parse(evictBody, request.body);
    const { entries } = await select(services, body);
    const chosen = entries.flatMap((entry): Placed[] =>
      catalog.copies
        .ofEntry(entry.id)
        .filter((copy) => (copy.state === 'ready' || copy.state === 'stale') && copy.tier === (body.tier ?? copy.tier))
        .map((copy) => ({ copy, entry })),
    );
    return removeCopies({ ...services, matcher }, chosen, { dryRun: body.dryRun ?? false, why: 'evict' });
  });
}

function listed(entry: Entry, services: EntryServices): ListedEntry {
  const shared = services.sharedStore?.hadLast(entry) ?? null;
  const use = services.catalog.usage.tiers.ofEntry(entry.id).map(({ tier, ...done }) => ({ tier, ...tierUseView(done) }));
  return { ...viewOf(entry, services), ...(shared !== null && { shared }), use };
}

/** SQLite has no such globs and searches: it gives the names, and only the page is read whole. */
async function pageOf(query: EntriesQuery & { limit: number; offset: number }, { entries }: Catalog): Promise<EntryPage> {
  const { glob, search, limit, offset } = query;
  if (glob === undefined && search === undefined) return { total: entries.count(query), entries: entries.list(query) };
  const isMatch = glob === undefined ? () => true : matcher([glob]);
  const isMeant = search === undefined ? () => true : searching(search);
  const chosen = await filterInTurns(entries.names(query), (file) => isMatch(file) && isMeant(file));
  return { total: chosen.length, entries: chosen.slice(offset, offset + limit).flatMap(({ id }) => entries.byId(id) ?? []) };
}

interface EntryPage {
  total: number;
  entries: Entry[];
}

async function modelsOf({ workflow, prompt }: WarmRequest, { workflows }: Pick<Services, 'workflows'>): Promise<Wanted[]> {
  if (workflow === undefined && prompt === undefined) return [];
  return (await workflows.names({ workflow, prompt })).map(wantedModel);
}

/** Maximum number of missing files with a guess, each of which takes a look at all names. */
const mostGuesses = 5;

/** A missing file may be misspelt. */
async function withSuggestions(items: WarmItem[], services: EntryServices): Promise<WarmItem[]> {
  const isMissing = ({ size, ready, reason, message }: WarmItem) =>
    size === null && !ready && message === null && reason === 'SOURCE_MISSING';
  if (!items.some(isMissing)) return items;
  const files = knownFiles(services);
  const meantBy = new Map<WarmItem, string | null>();
  const pauses = new Pauses();
  for (const item of items.filter(isMissing).slice(0, mostGuesses)) {
    meantBy.set(item, suggestion(item.item, files));
    await pauses.take();
  }
  return items.map((item) => {
    const meant = meantBy.get(item) ?? null;
    return meant === null || meant === item.item ? item : { ...item, message: `${item.why}; did you mean ${meant}?` };
  });
}
