import { CacheError } from '../core/errors.ts';
import { type FamilyName, familyNames } from './family-names.ts';
import type { ApiPrompt, NameOf } from './graph.ts';
import { fillOpen, openSlot } from './open-slots.ts';
import type { Compiled, Preset } from './preset.ts';
import { fill, type PlacedImage, type Settings, type SlotValue } from './slots.ts';

/** A preset with everything that decides its prompt, except for the places of the models. */
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

/** The graph, whose open slots are still to be filled. @throws CacheError BAD_REQUEST for settings that do not fit together */
export function graphOf({ preset, family, settings }: Chosen, nameOf?: NameOf): Compiled {
  const opened = preset.slots.map(({ name, kind, isOpen }) => {
    const value = settings[name] ?? '';
    if (kind !== 'images') return [name, isOpen ? openSlot(name) : value];
    return [name, imagesIn(value).map(({ frame }, index) => ({ file: openSlot(`${name}.${index}`), frame }))];
  });
  return preset.build(Object.fromEntries(opened), family, nameOf);
}

/** The settings that decide the graph; open slots are not among them. */
export function structureOf({ preset, settings }: Chosen): Record<string, unknown> {
  const closed = preset.slots
    .filter(({ isOpen }) => !isOpen)
    .map(({ name, kind }) => {
      const value = settings[name] ?? '';
      return [name, kind === 'images' ? imagesIn(value).map(({ frame }) => frame) : value];
    });
  return Object.fromEntries(closed);
}

/** The prompt that a graph becomes with these settings. */
export function filled(prompt: ApiPrompt, { preset, settings }: Chosen): ApiPrompt {
  const values = preset.slots.flatMap(({ name, kind, isOpen }): [string, SlotValue][] => {
    const value = settings[name] ?? '';
    if (kind === 'images') return imagesIn(value).map(({ file }, index) => [`${name}.${index}`, file]);
    return isOpen ? [[name, value]] : [];
  });
  return fillOpen(prompt, Object.fromEntries(values));
}

/** The whole at once. @throws CacheError BAD_REQUEST */
export function compile(chosen: Chosen): Compiled {
  const { prompt, models } = graphOf(chosen);
  return { prompt: filled(prompt, chosen), models };
}

/** The files are open, the frames are not. */
function imagesIn(value: SlotValue): readonly PlacedImage[] {
  return value as readonly PlacedImage[];
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
