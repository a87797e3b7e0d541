import type { Command } from 'commander';
import { CacheError } from '../core/errors.ts';
import { openSlot } from '../presets/open-slots.ts';
import type { Preset } from '../presets/preset.ts';
import { collect } from './options.ts';

/** The options that fill slots. */
export interface SlotFlags {
  prompt?: string;
  negative?: string;
  image?: string[];
  video?: string;
  seed?: string;
  family?: string;
}

/** A preset's name, and the values of its slots. */
export function withSlots(command: Command): Command {
  return command
    .argument('<name>', 'as preset list shows it')
    .argument('[slot=value...]', 'what fills a slot, such as width=768')
    .option('--prompt <text>', 'what happens')
    .option('--negative <text>', 'what to keep away from')
    .option('--image <file@frame>', 'an image, such as a.png@0; may be given several times; @-1 is the last frame', collect)
    .option('--video <file>', 'a video to be guided by')
    .option('--seed <number>', 'another seed gives another result')
    .option('--family <name>', 'the models that it is made for: ltx-2.3, ltx-2.5');
}

/** Values for the slots of a preset, by name: the options, and words `name=value`. @throws CacheError BAD_REQUEST */
export function slotsGiven(
  words: readonly string[],
  flags: SlotFlags,
  { slots }: Pick<Preset, 'slots'>,
): Record<string, unknown> {
  const { image, prompt, negative, video, seed, family } = flags;
  const pairs = words.map((word) => {
    const [, name, value] = /^([A-Za-z_][\w.]*)=(.*)$/s.exec(word) ?? [];
    if (name === undefined)
      throw new CacheError('BAD_REQUEST', `${word} fills no slot`, { hint: 'write name=value, such as width=768' });
    return [name, value] as const;
  });
  const takesSeveral = slots.some(({ kind }) => kind === 'images');
  // A preset for one image takes it under that name.
  const images = image && (takesSeveral ? { images: image } : { image: image[0]?.replace(/@0$/, '') });
  if (image && image.length > 1 && !takesSeveral) throw new CacheError('BAD_REQUEST', 'this preset takes one image');
  const told = Object.entries({ prompt, negative, video, seed, family }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(told), ...images, ...Object.fromEntries(pairs) };
}

/** Leaves required slots without a value open, so that the output can be kept as a preset. */
export function withOpenSlots(given: Record<string, unknown>, { slots }: Pick<Preset, 'slots'>): Record<string, unknown> {
  const open = slots.filter((slot) => slot.default === undefined && !(slot.name in given));
  const filled = open.map(({ name, kind }) => {
    const atBothEnds = [`${openSlot(`${name}.0`)}@0`, `${openSlot(`${name}.1`)}@-1`];
    return [name, kind === 'images' ? atBothEnds : openSlot(name)];
  });
  return { ...given, ...Object.fromEntries(filled) };
}
