import type { VariantView } from '../api/variants.ts';
import { lastName } from '../core/last-name.ts';
import { chooseAll, chooseOne, type Kind } from './choose.ts';
import type { VariantClient } from './variant-client.ts';

/** Help of an argument that names variants. */
export const variantHelp = 'path, name, a part of the name, glob, or the name of the model that it is made of';

const kind: Kind<VariantView> = {
  noun: 'variant',
  names: ({ category, name, path, source }) => [
    `${category}/${name}`,
    name,
    lastName(name),
    path,
    ...(source === null ? [] : [source, lastName(source)]),
  ],
  list: 'autocached variant list',
};

/** The variant that a word means. @throws CacheError as `chooseOne` */
export async function variantOf(word: string, client: VariantClient): Promise<VariantView> {
  return chooseOne(word, (await client.list()).variants, kind);
}

/** The variants that a word means: a glob means several. @throws CacheError as `chooseOne` */
export async function variantsOf(word: string, client: VariantClient): Promise<VariantView[]> {
  return chooseAll(word, (await client.list()).variants, kind);
}
