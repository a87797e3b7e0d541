import { CacheError } from '../core/errors.ts';
import { type FamilyName, familyNames } from './families.ts';
import type { Preset } from './preset.ts';
import { fill, type Settings } from './slots.ts';

/** A preset with all that decides its graph, but for the models that lie here. */
export interface Chosen {
  preset: Preset;
  /** Null when there is no choice. */
  family: FamilyName | null;
  settings: Settings;
}

/**
 * @param given values of slots, and `family`
 * @throws CacheError BAD_REQUEST
 */
export function choose(preset: Preset, { family, ...given }: Readonly<Record<string, unknown>>): Chosen {
  return { preset, family: familyFor(preset, family), settings: fill(preset.slots, given) };
}

function familyFor({ name, families }: Preset, asked: unknown): FamilyName | null {
  const [usual = null] = families;
  if (asked === undefined) return usual;
  const found = familyNames.find((family) => family === asked);
  if (found && families.includes(found)) return found;
  throw new CacheError('BAD_REQUEST', `${name} is not made for ${String(asked)}`, {
    hint: usual === null ? 'it has one family of models' : `family: ${families.join(' or ')}`,
  });
}
