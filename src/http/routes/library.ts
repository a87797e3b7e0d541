import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type LibraryAnswer, type LibraryFile, librarySorts } from '../../api/dashboard.ts';
import { tierNames } from '../../core/types.ts';
import { type LibraryState, libraryStates, libraryTerms } from '../../core/vocabulary.ts';
import { type IndexedFile, LibraryIndex, type LibraryServices } from '../library-index.ts';
import { chosen, shares } from '../library-query.ts';
import { name, parse, pattern } from '../parse.ts';

/** A name may come once or several times. */
function listOf<T>(item: z.ZodType<T>) {
  return z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item).max(1000).optional(),
  );
}

export const libraryQuery = z.object({
  search: pattern.optional(),
  category: listOf(z.string().max(1000)),
  root: listOf(name),
  tier: listOf(z.enum(tierNames)),
  state: listOf(z.enum(libraryStates)),
  pinned: z.stringbool().optional(),
  sort: z.enum(librarySorts).optional(),
  descending: z.stringbool().optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(100),
  offset: z.coerce.number().int().min(0).default(0),
});

/** The whole library: every model file on the sources, asked for or not. */
export function libraryRoutes(app: FastifyInstance, services: LibraryServices): void {
  const index = new LibraryIndex(services);
  const { copier, roots, tiers } = services;

  app.get('/api/library', async (request): Promise<LibraryAnswer> => {
    const query = parse(libraryQuery, request.query);
    const all = await index.files();
    const underWay = copier.jobs().filter(({ state }) => state === 'queued' || state === 'running');
    const moment = {
      jobs: new Map(underWay.map(({ path, status }) => [path, status])),
      health: new Map(roots.list().map(({ path, health }) => [path, health])),
      away: new Set(tiers.all().flatMap((tier) => (tier.state() === 'away' ? [tier.name] : []))),
    };
    const { files, states } = await chosen(all, query, moment);
    return {
      total: files.length,
      bytes: files.reduce((sum, { file }) => sum + file.size, 0),
      files: files.slice(query.offset, query.offset + query.limit).map(({ file, state }) => viewOf(file, state)),
      all: all.length,
      ...(await sharesOf(all)),
      states: libraryStates.map((name) => ({ name, files: states.get(name) ?? 0 })),
    };
  });
}

/** The answers' parts that stay the same until the library has changed. */
const known = new WeakMap<readonly IndexedFile[], Pick<LibraryAnswer, 'categories' | 'folders'>>();

async function sharesOf(all: readonly IndexedFile[]): Promise<Pick<LibraryAnswer, 'categories' | 'folders'>> {
  const made = known.get(all) ?? {
    categories: await shares(all, ({ category }) => category ?? ''),
    folders: await shares(all, ({ root }) => root),
  };
  known.set(all, made);
  return made;
}

function viewOf(file: IndexedFile, state: LibraryState): LibraryFile {
  const { id, path, root, rel, category, size, tiers, uses, lastUsedAt, pinned } = file;
  const { word, says } = libraryTerms[state];
  const used = lastUsedAt === null ? null : new Date(lastUsedAt).toISOString();
  return { id, path, root, name: rel, category, size, state, word, why: says, tiers, uses, lastUsedAt: used, pinned };
}
