import type { MemoEntryView, MemoNamespaceView } from '../api/memo.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import { chooseAll, chooseKnown, chooseOne, type Kind } from './choose.ts';
import type { MemoClient, MemoKey } from './memo-client.ts';

const result: Kind<MemoEntryView> = {
  noun: 'result',
  id: ({ key }) => key,
  names: ({ ns, label, tags }) => [label ?? ns, ...(label === null ? [] : [`${ns}/${label}`]), ...tags],
  list: 'autocached memo list',
};
const namespace: Kind<MemoNamespaceView> = { noun: 'namespace', names: ({ name }) => [name], list: 'autocached memo status' };
const wholeKey = /^[0-9a-f]{64}$/;
/** Maximum number of recent results; older ones are named by their whole key. */
const most = 10_000;

/** The result that a word means: the beginning of its key, or a part of its label or of a tag. @throws CacheError as `chooseOne` */
export async function resultOf(client: MemoClient, word: string, ns: string | undefined): Promise<MemoKey> {
  if (wholeKey.test(word) && ns !== undefined) return { ns, key: word };
  const { ns: whole } = await namespaceIn(client, ns === undefined ? {} : { ns });
  const results = await resultsIn(client, whole, wholeKey.test(word) ? word : undefined);
  if (wholeKey.test(word) && results.length === 0)
    throw new CacheError('NOT_FOUND', `no result with the key ${word} is kept`, {
      hint: 'with --ns and the name of its namespace, autocached memo explain says why',
    });
  const { ns: of, key } = chooseOne(word, results, result);
  return { ns: of, key };
}

/** The keys of results that words mean; a glob means several. @throws CacheError as `chooseOne` */
export async function keysOf(client: MemoClient, words: readonly string[], ns: string | undefined): Promise<string[]> {
  if (words.every((word) => wholeKey.test(word))) return [...words];
  const results = await resultsIn(client, ns);
  const keys = words.flatMap((word) => (wholeKey.test(word) ? [word] : chooseAll(word, results, result).map(({ key }) => key)));
  return [...new Set(keys)];
}

/** The namespace that a word means; one that matches none is taken as it is: it may have no results yet. @throws CacheError BAD_REQUEST */
export async function namespaceIn(client: MemoClient, { ns }: { ns?: string }): Promise<{ ns?: string }> {
  if (ns === undefined) return {};
  return { ns: chooseKnown(ns, await client.namespaces().catch(none), namespace)?.name ?? ns };
}

async function resultsIn(client: MemoClient, ns: string | undefined, search?: string): Promise<MemoEntryView[]> {
  const asked = { ...(ns !== undefined && { ns }), ...(search !== undefined && { search }) };
  return (await client.entries({ ...asked, sort: 'used', limit: most })).entries;
}

/** A daemon that keeps no results has no namespaces either. */
function none(error: unknown): MemoNamespaceView[] {
  if (toCacheError(error).code === 'NOT_FOUND') return [];
  throw error;
}
