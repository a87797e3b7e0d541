import { createHash } from 'node:crypto';
import type { SourceFile } from './types.ts';

/** A source without its place on this host. */
export type NamedSource = Pick<SourceFile, 'rel' | 'category'>;

/** What hosts call a source among themselves: roots lie elsewhere on each, so it is its category and the path below that, with `/`. */
function sourceNameOf({ rel, category }: NamedSource): string {
  const path = rel.replaceAll('\\', '/');
  return category === null || path.startsWith(`${category}/`) ? path : `${category}/${path}`;
}

/** A digest of that name, hex: it says nothing of what models people have. */
export function sourceDigestOf(source: NamedSource): string {
  return createHash('sha256')
    .update(JSON.stringify(['source', sourceNameOf(source)]))
    .digest('hex');
}
