import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Catalog } from '../catalog/catalog.ts';
import type { ServedSettings } from '../config/served-settings.ts';
import { defaultTier, type SourceState } from '../core/types.ts';
import { Arrivals } from '../foresight/arrivals.ts';
import { Foresight } from '../foresight/foresight.ts';
import { LearnedWorkflows } from '../foresight/learned-workflows.ts';
import { WorkflowFiles } from '../foresight/workflow-files.ts';
import { liesOnNetwork } from '../media/medium.ts';
import { ForeseenFiles } from '../policy/foreseen-files.ts';
import type { Policy } from '../policy/policy.ts';
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
  policy(): Policy;
  settings: Pick<ServedSettings, 'current'>;
  sources: Pick<SourceRoots, 'nameOf' | 'onArrived' | 'locate' | 'stat' | 'list'>;
  foreseenFiles: ForeseenFiles;
  warmer: Warmer;
  workflows: Workflows;
  /** See `Arrivals`. */
  quietMs?: number | undefined;
}

/** Whether new files were loaded is saved beside the learned workflows. */
const savedArrivals = z.looseObject({ arrivals: z.array(z.boolean()) });

/** The likely, not certain loads that the policy asks about. */
export function openForeseenFiles(catalog: Pick<Catalog, 'foresight'>): ForeseenFiles {
  return new ForeseenFiles(savedArrivals.safeParse(catalog.foresight.load()).data?.arrivals);
}

/** Copies made before anybody asks. The workflows report prompts, the roots new files. */
export function openForesight(parts: ForesightParts): Foresight {
  const { catalog, tier, bound, policy, settings, sources, workflows, events, opened, log } = parts;
  // Copies of less worth leave, if the policy can tell; otherwise none do.
  const staying = () => (policy().foresees ? 0 : catalog.placements.usedUnderLimit(defaultTier));
  const room = () => bound(tier).limit - staying();
  const deps = {
    ...parts,
    mode: () => settings.current.predict,
    room,
    learned: new LearnedWorkflows(catalog.foresight.load()),
    foreseen: parts.foreseenFiles,
    store: catalog.foresight,
    write: (work: () => void) => catalog.write(work),
  };
  const foresight = new Foresight(deps);
  opened.defer(() => foresight[Symbol.asyncDispose]());
  opened.defer(workflows.onPrompt((models) => foresight.prompt(models)));

  const newFiles = {
    ...parts,
    async stat(path: string): Promise<SourceState> {
      const located = sources.locate(path);
      return located && !located.isRemote ? sources.stat(located, 'command') : { state: 'missing' };
    },
    onWhole(path: string) {
      foresight.arrived(path).catch((err) => log.debug({ err, path }, 'a new file is not copied ahead'));
    },
  };
  const arrivals = new Arrivals(newFiles, parts.quietMs);
  opened.defer(() => arrivals[Symbol.asyncDispose]());
  opened.defer(sources.onArrived((paths) => arrivals.note(paths)));

  const files = new WorkflowFiles({ log, onSaved: (text) => foresight.hint(text) });
  const watchFiles = async () => {
    const directories = new Set([...settings.current.comfyui, ...comfyuiOf(sources.list())]);
    const far = await Promise.all([...directories].map(liesOnNetwork));
    await files.watch(settings.current.predict === 'off' ? [] : [...directories].filter((_, index) => !far[index]));
  };
  const look = () => void watchFiles().catch((err) => log.debug({ err }, 'saved workflows are not seen'));
  opened.defer(() => files[Symbol.asyncDispose]());
  opened.defer(events.subscribe((name) => (name === 'root-health' || name === 'config-changed') && look()));
  look();
  return foresight;
}

/** The directories of ComfyUI that own these roots, as a folder `models` tells. */
function comfyuiOf(roots: readonly { path: string; origin: string }[]): string[] {
  return roots.flatMap(({ path, origin }) => {
    const models = dirname(path);
    return origin === 'comfyui' && models === join(dirname(models), 'models') ? dirname(models) : [];
  });
}
