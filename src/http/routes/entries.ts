import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Chosen, removeCopies } from '../../copy/purge.ts';
import { type EntriesAnswer, type EntryView, entrySorts, type SelectRequest } from '../../core/api.ts';
import { CacheError } from '../../core/errors.ts';
import type { Entry } from '../../core/types.ts';
import { matcher } from '../../lookup/filters.ts';
import { splitName, warm } from '../../lookup/warm.ts';
import { absolutePath, name, parse } from '../parse.ts';
import type { Rooms } from '../rooms.ts';
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
const selectBody = z.strictObject({
  ids: z.array(z.number().int()).max(10_000).optional(),
  paths: z.array(absolutePath).max(10_000).optional(),
  names: z.array(name).max(10_000).optional(),
});

const evictBody = selectBody.extend({ dryRun: z.boolean().optional() });

const warmBody = z.object({
  paths: z.array(absolutePath).max(10_000).optional(),
  names: z.array(name).max(10_000).optional(),
  wait: z.boolean().optional(),
  check: z.boolean().optional(),
});

/** What the catalog knows, and what one does with chosen entries. */
export function entryRoutes(app: FastifyInstance, rooms: Rooms): void {
  const { catalog, lookup, copier, waitMaxMs } = rooms;

  app.get('/api/cache/entries', (request): EntriesAnswer => {
    const query = parse(entriesQuery, request.query);
    catalog.usage.flush();
    const all = catalog.entries.list(query);
    const chosen = query.glob === undefined ? all : all.filter(matcher([query.glob]));
    const page = chosen.slice(query.offset, query.offset + query.limit);
    return { total: chosen.length, entries: page.map((entry) => viewOf(entry, rooms)) };
  });

  app.post('/api/cache/warm', (request) =>
    warm({ lookup, waitMaxMs, requestCopy: (wanted) => copier.request(wanted) }, parse(warmBody, request.body)),
  );

  for (const pinned of [true, false]) {
    app.post(`/api/cache/${pinned ? 'pin' : 'unpin'}`, async (request): Promise<{ entries: EntryView[] }> => {
      const entries = await select(rooms, parse(selectBody, request.body));
      catalog.transaction(() => {
        for (const entry of entries) catalog.entries.setPinned(entry.id, pinned);
      });
      return { entries: entries.map((entry) => viewOf({ ...entry, pinned }, rooms)) };
    });
  }

  app.post('/api/cache/evict', async (request) => {
    const body = parse(evictBody, request.body);
    const entries = await select(rooms, body);
    const chosen = entries.flatMap((entry): Chosen[] =>
      catalog.copies
        .ofEntry(entry.id)
        .flatMap((copy) => (copy.state === 'ready' || copy.state === 'stale' ? [{ copy, entry }] : [])),
    );
    return removeCopies({ ...rooms, matcher }, chosen, { dryRun: body.dryRun ?? false, why: 'evict' });
  });
}

/** @throws CacheError NOT_FOUND naming the first that is not known and has no source either. */
async function select({ catalog, lookup }: Rooms, request: SelectRequest): Promise<Entry[]> {
  const asks = [...(request.paths ?? []).map((path) => ({ path })), ...(request.names ?? []).map(splitName)];
  if (asks.length === 0 && !request.ids?.length)
    throw new CacheError('BAD_REQUEST', 'name at least one entry: ids, paths or names');
  const byId = (request.ids ?? []).map((id) => catalog.entries.byId(id) ?? notKnown(`entry ${id}`));
  const byAsk = asks.map(async (ask) => {
    const found = await lookup.examine({ ...ask, purpose: 'metadata', waitMs: 0, client: null });
    if (found?.entry) return found.entry;
    const what = 'path' in ask ? ask.path : `${ask.category}/${ask.name}`;
    if (found?.source.state !== 'present') return notKnown(what);
    const { path, root, rel, category } = found.located;
    return catalog.entries.put({ path, root, rel, category, fingerprint: found.source.fingerprint });
  });
  const found = [...byId, ...(await Promise.all(byAsk))];
  // One file may have been named in several ways.
  return [...new Map(found.map((entry) => [entry.id, entry])).values()];
}

function notKnown(what: string): never {
  throw new CacheError('NOT_FOUND', `${what} is not known`, { hint: '`autocached list` shows what is.' });
}
