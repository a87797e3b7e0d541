import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { SelectRequest } from '../api/api.ts';
import { CacheError } from '../core/errors.ts';
import type { Entry } from '../core/types.ts';
import { mapInTurns } from '../runtime/pauses.ts';
import { splitName } from '../usage/warmer.ts';
import { matching, notKnown } from './known-files.ts';
import { absolutePath, name, pattern } from './parse.ts';
import type { Services } from './services.ts';

// A misspelt `dryRun` must not evict.
export const selectBody = z.strictObject({
  ids: z.array(z.number().int()).max(10_000).optional(),
  paths: z.array(absolutePath).max(10_000).optional(),
  names: z.array(name).max(10_000).optional(),
  globs: z.array(pattern).max(100).optional(),
  below: z.array(absolutePath).max(1000).optional(),
});

type Ask = { path: string } | { category: string; name: string };

export type SelectServices = Pick<Services, 'catalog' | 'lookup' | 'roots'>;

/**
 * The entries and whole directories that a request names.
 * @throws CacheError NOT_FOUND for the first unknown one without a source
 */
export async function select(
  services: SelectServices,
  request: SelectRequest,
): Promise<{ entries: Entry[]; directories: string[] }> {
  const { catalog, lookup } = services;
  const directories = (request.below ?? []).map((directory) => directoryOf(services, directory));
  const asks: Ask[] = [...(request.paths ?? []).map((path) => ({ path })), ...(request.names ?? []).map(splitName)];
  for (const path of await matching(request.globs ?? [], services)) asks.push({ path });
  if (asks.length === 0 && !request.ids?.length && directories.length === 0)
    throw new CacheError('BAD_REQUEST', 'name at least one entry: ids, paths, names, globs or below');
  const inside = directories.flatMap((directory) => catalog.entries.below(directory));
  const byId = (request.ids ?? []).map((id) => catalog.entries.byId(id) ?? unknownId(id));
  const byAsk = await mapInTurns(asks, async (ask) => {
    const found = await lookup.examine({ ...ask, purpose: 'metadata', waitMs: 0, client: null });
    if (found?.entry) return found.entry;
    const what = 'path' in ask ? ask.path : `${ask.category}/${ask.name}`;
    if (found?.source.state !== 'present') throw notKnown(what, services);
    const { path, root, rel, category } = found.located;
    return catalog.entries.put({ path, root, rel, category, fingerprint: found.source.fingerprint });
  });
  const entries = [...byId, ...byAsk, ...inside];
  return { entries: [...new Map(entries.map((entry) => [entry.id, entry])).values()], directories };
}

/** A directory as spelled in the catalog. @throws CacheError NOT_FOUND when it neither lies in a root nor holds one */
function directoryOf({ roots }: SelectServices, directory: string): string {
  const located = roots.locate(join(directory, 'file'));
  if (located) return dirname(located.path);
  const path = roots.spelled(resolve(directory));
  if (path !== null) return path;
  throw new CacheError('NOT_FOUND', `${directory} is not inside a configured model folder`, {
    hint: '`autocached status` shows the roots.',
  });
}

function unknownId(id: number): never {
  throw new CacheError('NOT_FOUND', `there is no entry ${id}`, { hint: '`autocached list` shows all entries.' });
}
