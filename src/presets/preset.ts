import type { FamilyName } from './family-names.ts';
import type { ApiPrompt, ModelFile, NameOf } from './graph.ts';
import type { Settings, Slot } from './slots.ts';

export interface Compiled {
  prompt: ApiPrompt;
  /** The models, in load order. */
  models: ModelFile[];
}

/** A named graph with slots. */
export interface Preset {
  name: string;
  description: string;
  /** The families that it supports, the usual one first; empty when there is no choice. */
  families: readonly FamilyName[];
  slots: readonly Slot[];
  /** The text of its file; left out for those that autocached builds itself. */
  source?: string;
  /**
   * @param settings open slots hold `{{name}}`, which goes into the prompt
   * @throws CacheError BAD_REQUEST for settings that do not fit together
   */
  build(settings: Settings, family: FamilyName | null, nameOf?: NameOf): Compiled;
}
