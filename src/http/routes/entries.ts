import { dirname, join, resolve, sep } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type EntriesAnswer, entrySorts, type PinAnswer, type SelectRequest, type WarmRequest } from '../../api/api.ts';
import { CacheError } from '../../core/errors.ts';
import type { Entry } from '../../core/types.ts';
import { matcher } from '../../lookup/filters.ts';
import { withCompanions } from '../../placement/companions.ts';
import { type Chosen, removeCopies } from '../../space/purge.ts';
import { splitName, type Wanted, warm } from '../../usage/warm.ts';
import { warmIntoMemory } from '../../usage/warm-memory.ts';
import { absolutePath, name, parse } from '../parse.ts';
import type { Services } from '../services.ts';
import { viewOf } from '../views.ts';

const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

const entriesQuery = z.object({
  category: name.optional(),
  root: absolutePath.optional(),
  glob: name.optional(),
  cached: flag.optional(),
  pinned: flag.optional(),
  sort: z.enum(entrySorts).optional(),
  descending: flag.optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
  offset: z.coerce.number().int().min(0).default(0),
});

// A misspelt `dryRun` must not evict.
export const selectBody = z.strictObject({
  ids: z.array(z.number().int()).max(10_000).optional(),
  paths: z.array(absolutePath).max(10_000).optional(),
  names: z.array(name).max(10_000).optional(),
  below: z.array(absolutePath).max(1000).optional(),
});

const evictBody = selectBody.extend({ dryRun: z.boolean().optional() });

const warmBody = z.object({
  paths: z.array(absolutePath).max(10_000).optional(),
  names: z.array(name).max(10_000).optional(),
  workflow: z.unknown().optional(),
  prompt: z.unknown().optional(),
  wait: z.boolean().optional(),
  check: z.boolean().optional(),
  ram: z.boolean().optional(),
});

/** What the catalog knows, and what one does with chosen entries. */
export function entryRoutes(app: FastifyInstance, rooms: Services): void {
  const { catalog, lookup, requestCopy, waitMaxMs, log } = rooms;

  app.get('/api/cache/entries', (request): EntriesAnswer => {
    const query = parse(entriesQuery, request.query);
    catalog.usage.flush();
    const all = catalog.entries.list(query);
    const chosen = query.glob === undefined ? all : all.filter(matcher([query.glob]));
    const page = chosen.slice(query.offset, query.offset + query.limit);
    return { total: chosen.length, entries: page.map((entry) => viewOf(entry, rooms)) };
  });

  app.post('/api/cache/warm', async (request) => {
    const body = parse(warmBody, request.body);
    const models = await modelsOf(body, rooms);
    const deps = { lookup, waitMaxMs, requestCopy };
    return body.ram ? warmIntoMemory({ ...deps, ...rooms.memory, log }, body, models) : warm(deps, body, models);
  });

  for (const pinned of [true, false]) {
    app.post(`/api/cache/${pinned ? 'pin' : 'unpin'}`, async (request): Promise<PinAnswer> => {
      const { entries, directories } = await select(rooms, parse(selectBody, request.body));
      const units = withCompanions(entries, catalog);
      catalog.transaction(() => {
        for (const directory of directories) catalog.entries.setPinnedBelow(directory, pinned);
        for (const entry of units) catalog.entries.setPinned(entry.id, pinned);
      });
      return { entries: entries.map((entry) => viewOf({ ...entry, pinned }, rooms)), directories };
    });
  }

  app.post('/api/cache/evict', async (request) => {
    const body = parse(evictBody, request.body);
    const { entries } = await select(rooms, body);
    const chosen = entries.flatMap((entry): Chosen[] =>
      catalog.copies
        .ofEntry(entry.id)
        .flatMap((copy) => (copy.state === 'ready' || copy.state === 'stale' ? [{ copy, entry }] : [])),
    );
    return removeCopies({ ...rooms, matcher }, chosen, { dryRun: body.dryRun ?? false, why: 'evict' });
  });
}

async function modelsOf({ workflow, prompt }: WarmRequest, { workflows }: Services): Promise<Wanted[]> {
  if (workflow === undefined && prompt === undefined) return [];
  const names = await workflows.names({ workflow, prompt });
  return names.map((ask) => ({ item: ask.category === '' ? ask.name : `${ask.category}/${ask.name}`, ask }));
}

/**
 * The entries that a request is for, and the directories it names whole.
 * @throws CacheError NOT_FOUND naming the first that is not known and has no source either
 */
export async function select(rooms: Services, request: SelectRequest): Promise<{ entries: Entry[]; directories: string[] }> {
  const { catalog, lookup } = rooms;
  const directories = (request.below ?? []).map((directory) => directoryOf(rooms, directory));
  const asks = [...(request.paths ?? []).map((path) => ({ path })), ...(request.names ?? []).map(splitName)];
  if (asks.length === 0 && !request.ids?.length && directories.length === 0)
    throw new CacheError('BAD_REQUEST', 'name at least one entry: ids, paths, names or below');
  const inside = directories.flatMap((directory) => catalog.entries.below(directory));
  const byId = (request.ids ?? []).map((id) => catalog.entries.byId(id) ?? notKnown(`entry ${id}`));
  const byAsk = asks.map(async (ask) => {
    const found = await lookup.examine({ ...ask, purpose: 'metadata', waitMs: 0, client: null });
    if (found?.entry) return found.entry;
    const what = 'path' in ask ? ask.path : `${ask.category}/${ask.name}`;
    if (found?.source.state !== 'present') return notKnown(what);
    const { path, root, rel, category } = found.located;
    return catalog.entries.put({ path, root, rel, category, fingerprint: found.source.fingerprint });
  });
  const entries = [...byId, ...(await Promise.all(byAsk)), ...inside];
  return { entries: [...new Map(entries.map((entry) => [entry.id, entry])).values()], directories };
}

/** A directory as the catalog spells it. @throws CacheError NOT_FOUND when it neither lies in a root nor holds one */
function directoryOf({ roots }: Services, directory: string): string {
  const located = roots.locate(join(directory, 'file'));
  if (located) return dirname(located.path);
  const path = resolve(directory);
  if (roots.list().some((root) => root.path.startsWith(path.endsWith(sep) ? path : path + sep))) return path;
  throw new CacheError('NOT_FOUND', `${directory} lies below no known root`, { hint: '`autocached status` shows the roots.' });
}

function notKnown(what: string): never {
  throw new CacheError('NOT_FOUND', `${what} is not known`, { hint: '`autocached list` shows what is.' });
}
