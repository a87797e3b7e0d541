import type { Catalog } from '../catalog/catalog.ts';
import type { ServedSettings } from '../config/served-settings.ts';
import { defaultTier } from '../core/types.ts';
import { Foresight } from '../foresight/foresight.ts';
import { listedEmbeddings } from '../foresight/listed-embeddings.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import type { Bound } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Warmer } from '../usage/warmer.ts';
import type { Workflows } from '../workflow/workflows.ts';
import type { Context } from './context.ts';

interface ForesightParts extends Context {
  catalog: Catalog;
  tier: Tier;
  bound(tier: Tier): Bound;
  settings: Pick<ServedSettings, 'current'>;
  sources: Pick<SourceRoots, 'nameOf' | 'onRemoteListed'>;
  warmer: Warmer;
  workflows: Workflows;
}

/** What is copied before anybody asks. It hears of prompts from the workflows. */
export function openForesight(parts: ForesightParts, quietMs?: number): Foresight {
  const { catalog, tier, bound, settings, sources, warmer, workflows, opened, log } = parts;
  const room = () => bound(tier).limit - catalog.placements.usedUnderLimit(defaultTier);
  const deps = {
    ...parts,
    mode: () => settings.current.predict,
    warmer,
    workflows,
    room,
    store: catalog.foresight,
    write: (work: () => void) => catalog.write(work),
  };
  const foresight = new Foresight(deps, quietMs);
  opened.defer(() => foresight[Symbol.asyncDispose]());
  sources.onRemoteListed((files) => {
    const wanted = listedEmbeddings(files, (path) => sources.nameOf(path));
    warmer.idle(wanted, room(), { remotes: true }).catch((err) => log.warn({ err }, 'embeddings of a remote are not copied'));
  });
  opened.defer(workflows.onPrompt((models) => foresight.prompt(models)));
  return foresight;
}
