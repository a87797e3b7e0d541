import { sep } from 'node:path';
import type { RemoteView } from '../api/remotes.ts';
import { CacheError } from '../core/errors.ts';
import type { Client } from './client.ts';

const address = /^(?:s3|hf|civitai|https?):\/\//i;

/**
 * Replaces addresses of files on remotes (`s3://bucket/models/loras/a.safetensors`) by the paths of their placeholders; the address of a
 * remote or of a folder means all in it.
 * @throws CacheError BAD_REQUEST for an address below no remote of the configuration: remotes come from there only
 */
export async function withoutAddresses(words: string[], client: Client): Promise<string[]> {
  if (!words.some((word) => address.test(word))) return words;
  const { remotes } = await client.remotes();
  return words.map((word) => (address.test(word) ? pathOf(word, remotes) : word));
}

function pathOf(word: string, remotes: readonly RemoteView[]): string {
  const wanted = word.replace(/\?.*$/s, '').replace(/\/+$/, '');
  // The configured revision of a repository may be left out.
  const bases = remotes.flatMap(({ url, path }) =>
    [baseOf(url), baseOf(url).replace(/@[^/]*/, '')].map((base) => ({ base, path })),
  );
  const owner = bases
    .filter(({ base }) => wanted === base || wanted.startsWith(`${base}/`))
    .toSorted((a, b) => b.base.length - a.base.length)[0];
  if (!owner) {
    throw new CacheError('BAD_REQUEST', `${wanted} lies on no remote of the configuration`, {
      hint: 'autocached remote add NAME=ADDRESS adds one; autocached remote ls lists them',
    });
  }
  const below = wanted.slice(owner.base.length).split('/').filter(Boolean);
  return [owner.path, ...below].join(sep);
}

function baseOf(url: string): string {
  return url.replace(/\/+$/, '');
}
