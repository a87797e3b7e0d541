import type { ServedSettings } from '../config/served-settings.ts';
import type { Memo } from '../memo/memo.ts';
import { Presets } from '../presets/presets.ts';
import { fingerprintOf } from '../roots/fingerprint-of.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import { readMemory } from '../tiers/memory.ts';
import type { Answering } from './answering.ts';
import type { Context } from './context.ts';

export interface PresetsParts extends Context, Pick<Answering, 'warmer' | 'workflows'> {
  stateDir: string;
  memo: Memo;
  settings: Pick<ServedSettings, 'current' | 'onChange'>;
  sources: Pick<SourceRoots, 'locate' | 'stat' | 'withStem'>;
}

/** Memory is short below this part of it, as for the RAM tier. */
const shortBelow = 0.15;

/** The presets, whose compiled graphs are kept as results. */
export function openPresets({ settings, sources, warmer, workflows, ...parts }: PresetsParts): Presets {
  const presets = new Presets({
    ...parts,
    size: () => settings.current.presetGraphs,
    async isMemoryShort() {
      const { available, total } = await readMemory();
      return available < shortBelow * total;
    },
    check: (names) => warmer.models(names, { copy: false }),
    withStem: (category, stem) => sources.withStem(category, stem),
    fingerprintOf: (path) => fingerprintOf(sources, path),
    objectInfo: () => workflows.objectInfo,
  });
  settings.onChange((changed) => {
    if (changed.has('presetGraphs')) void presets.trimGraphs();
  });
  return presets;
}
