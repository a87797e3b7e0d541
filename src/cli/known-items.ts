import type { LibraryAnswer, LibraryFile } from '../api/dashboard.ts';
import { toCacheError } from '../core/errors.ts';
import { lastName } from '../core/last-name.ts';
import { chooseOne, type Kind } from './choose.ts';
import type { Client } from './client.ts';
import { isPart, type WordContext } from './items.ts';
import { entryName } from './text/words.ts';

/** Help of an argument that names files. */
export const itemHelp = 'path, directory, category/name, a part of the name, glob, or id from list';

const kind: Kind<LibraryFile> = {
  noun: 'file',
  names: (file) => [entryName(file), file.name, lastName(file.name)],
  list: 'autocached list, and autocached list --sources',
};
/** Maximum number of files with a word in their paths that are told apart. */
const most = 10_000;

/**
 * Words as they are, but parts of the names of files as the paths of those: `sdxl` for `checkpoints/sdxl_base.safetensors` where no
 * other file has it in its name. Words that no file has in its name stay: the daemon interprets them.
 * @param isMeant files that come before all others; by default none does
 * @throws CacheError BAD_REQUEST with the candidates when there are several
 */
export async function knownItems(
  words: readonly string[],
  place: WordContext,
  client: Client,
  isMeant: (file: LibraryFile) => boolean = () => true,
): Promise<string[]> {
  return Promise.all(words.map((word) => (isPart(word, place) ? pathOf(word, client, isMeant) : word)));
}

/**
 * Does something for the files that words mean. Words unknown to the daemon are looked for as parts of names.
 * @throws CacheError of `act`, and as `knownItems`
 */
export async function withKnownItems<T>(
  words: string[],
  { client, ...place }: WordContext & { client: Client },
  act: (words: string[]) => Promise<T>,
): Promise<T> {
  try {
    return await act(words);
  } catch (error) {
    if (toCacheError(error).code !== 'NOT_FOUND') throw error;
    const known = await knownItems(words, place, client);
    if (known.every((word, index) => word === words[index])) throw error;
    return act(known);
  }
}

async function pathOf(word: string, client: Client, isMeant: (file: LibraryFile) => boolean): Promise<string> {
  // The library writes `loras/a`, even for the word `loras:a`.
  const name = word.replace(/^([^/:\\]{2,}):/, '$1/');
  const query = new URLSearchParams({ search: name, limit: String(most) });
  const { files } = await client.ask<Pick<LibraryAnswer, 'files'>>('GET', `/api/library?${query}`).catch(none);
  if (!files.some((file) => kind.names(file).some((one) => one.toLowerCase().includes(name.toLowerCase())))) return word;
  const meant = files.filter(isMeant);
  const file = chooseOne(name, meant.length > 0 ? meant : files, kind);
  return entryName(file) === name ? word : file.path;
}

/** An older daemon has no such route; it runs until it is restarted. */
function none(error: unknown): Pick<LibraryAnswer, 'files'> {
  if (toCacheError(error).code === 'NOT_FOUND') return { files: [] };
  throw error;
}
