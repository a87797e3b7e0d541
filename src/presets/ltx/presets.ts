import { familyOf } from '../families.ts';
import { familyNames } from '../family-names.ts';
import { Graph } from '../graph.ts';
import type { Preset } from '../preset.ts';
import { distilledFast } from './distilled-fast.ts';
import { icLora } from './ic-lora.ts';
import { keyframeInterpolation } from './keyframe-interpolation.ts';
import type { LtxKind, Variant } from './kind.ts';
import { oneStage } from './one-stage.ts';
import type { LtxSettings } from './slots.ts';
import { twoStages } from './two-stages.ts';

const kinds: readonly LtxKind[] = [oneStage, twoStages, distilledFast, icLora, keyframeInterpolation];

const variants: readonly Variant[] = [
  { suffix: '', description: '', isAdaptive: false, isQuantized: false },
  { suffix: '-adaptive', description: '; fewer passes where they change little', isAdaptive: true, isQuantized: false },
  { suffix: '-quantized', description: '; published weights of 4 to 8 bits', isAdaptive: false, isQuantized: true },
];

/** The fifteen. */
export const ltxPresets: readonly Preset[] = kinds.flatMap((kind) => variants.map((variant) => presetOf(kind, variant)));

function presetOf(kind: LtxKind, variant: Variant): Preset {
  return {
    name: `${kind.name}${variant.suffix}`,
    description: `${kind.description}${variant.description}`,
    families: familyNames,
    slots: kind.slots,
    build(settings, family, nameOf) {
      const graph = new Graph(nameOf);
      // The slots of a kind fill the fields that it reads.
      kind.build(graph, settings as unknown as LtxSettings, familyOf(family ?? familyNames[0]), variant);
      return { prompt: graph.prompt, models: graph.models };
    },
  };
}
