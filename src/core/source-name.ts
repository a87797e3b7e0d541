import { createHash } from 'node:crypto';
import type { SourceFile } from './types.ts';

/** A source without its place on this host. */
export type NamedSource = Pick<SourceFile, 'rel' | 'category'>;

/** Name of a source among hosts: its category and the path below it, with `/`, because roots differ from host to host. */
function sourceNameOf({ rel, category }: NamedSource): string {
  const path = rel.replaceAll('\\', '/');
  return category === null || path.startsWith(`${category}/`) ? path : `${category}/${path}`;
}

/** A digest of that name, hex: it does not reveal which models a person has. */
export function sourceDigestOf(source: NamedSource): string {
  return createHash('sha256')
    .update(JSON.stringify(['source', sourceNameOf(source)]))
    .digest('hex');
}
