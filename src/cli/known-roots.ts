import { resolve } from 'node:path';
import type { RootView } from '../api/api.ts';
import { lastName } from '../core/last-name.ts';
import { chooseKnown, type Kind } from './choose.ts';
import type { Client } from './client.ts';
import { isPart, type WordContext } from './items.ts';

const kind: Kind<RootView> = {
  noun: 'model folder',
  names: ({ path }) => [path, lastName(path)],
  list: 'autocached status shows them',
};

/** The path of a model folder: the one known folder that has the word in its path, or as it is written. @throws CacheError BAD_REQUEST as `chooseOne` */
export async function rootOf(word: string, place: WordContext, client: Client): Promise<string> {
  const path = resolve(place.cwd, word);
  if (!isPart(word, place)) return path;
  const roots = await client.stats().then(
    (stats) => stats.roots,
    () => [],
  );
  return roots.some((root) => root.path === path) ? path : (chooseKnown(word, roots, kind)?.path ?? path);
}
