import type { EventMap } from '../api/event-map.ts';
import { sentenceOf } from '../core/errors.ts';
import { Variants, type VariantsDeps } from '../placement/variants.ts';
import type { Accounts } from '../upkeep/accounts.ts';
import type { Context } from './context.ts';

/** The variants; those that the last run did not finish are made once the accounts are complete. */
export function openVariants(parts: VariantsDeps & Context & { accounts: Pick<Accounts, 'ready'> }): Variants {
  const { accounts, events, log, opened } = parts;
  const variants = new Variants(parts);
  opened.defer(() => variants[Symbol.dispose]());
  opened.defer(
    events.subscribe((name, event) => {
      if (name !== 'root-health') return;
      const { path, health } = event as EventMap['root-health'];
      if (health !== 'away') variants.rootIsBack(path);
    }),
  );
  void accounts.ready
    .then(() => variants.begin())
    .catch((error) => log.error({ why: sentenceOf(error) }, 'variants could not be looked through'));
  return variants;
}
