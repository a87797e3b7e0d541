import { sentenceOf } from '../core/errors.ts';
import { Variants, type VariantsDeps } from '../placement/variants.ts';
import type { Accounts } from '../upkeep/accounts.ts';

/** The variants; those that the last run did not finish are made once the accounts are complete. */
export function openVariants(parts: VariantsDeps & { accounts: Pick<Accounts, 'ready'> }): Variants {
  const variants = new Variants(parts);
  void parts.accounts.ready
    .then(() => variants.begin())
    .catch((error) => parts.log.error({ why: sentenceOf(error) }, 'variants could not be looked through'));
  return variants;
}
