import { choose, compile } from '../../src/presets/compile.ts';
import type { Library } from '../../src/presets/library.ts';
import type { Compiled } from '../../src/presets/preset.ts';

/** What the slots without a default take. */
const filling: Record<string, unknown> = {
  prompt: 'a lighthouse in a storm',
  video: 'guide.mp4',
  image: 'cat.png',
};

export interface Sample {
  /** `t2v-one-stage, ltx-2.5`. */
  title: string;
  compiled: Compiled;
}

/** Every preset for each of its families; with images, where it takes some. */
export function samples(library: Library): Sample[] {
  return library.list().flatMap(({ name, preset }) => {
    if (!preset) throw new Error(`${name} cannot be read`);
    return (preset.families.length > 0 ? preset.families : [undefined]).flatMap((family) => {
      const needed = preset.slots.filter((slot) => slot.default === undefined).map((slot) => slot.name);
      const given = Object.fromEntries(needed.map((slot) => [slot, filling[slot] ?? ['cat.png@0', 'dog.png@-1']]));
      const takesStart = preset.slots.some((slot) => slot.name === 'images' && slot.default !== undefined);
      const fillings = [given, ...(takesStart ? [{ ...given, images: 'cat.png@0' }] : [])];
      return fillings.map((one) => {
        const chosen = choose(preset, { ...one, family });
        const title = [name, family, 'images' in one && takesStart ? 'with an image' : undefined].filter(Boolean).join(', ');
        return { title, compiled: compile(chosen) };
      });
    });
  });
}
