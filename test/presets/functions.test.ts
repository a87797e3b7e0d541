import { expect, test } from 'vitest';
import { presets } from '../../src/index.ts';
import { choose, compile } from '../../src/presets/compile.ts';
import { Library } from '../../src/presets/library.ts';

const library = new Library(null);
const { prompt, images, video } = { prompt: 'a lighthouse', images: ['a.png@0', 'b.png@-1'], video: 'guide.mp4' };

/** `t2vOneStageAdaptive` is `t2v-one-stage-adaptive`. */
function nameOf(call: string): string {
  return call.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

test('a program has a function for each of the fifteen, which gives its prompt', () => {
  const fifteen = library.list().filter(({ preset }) => preset && preset.families.length > 0);
  expect(Object.keys(presets).map(nameOf).sort()).toEqual(fifteen.map(({ name }) => name).sort());
  for (const [call, made] of Object.entries(presets)) {
    const name = nameOf(call);
    const given = { prompt, ...(name.startsWith('keyframe') && { images }), ...(name.startsWith('ic-lora') && { video }) };
    const options = { ...given, family: 'ltx-2.5', seed: 2n ** 64n - 1n } as never;
    expect(JSON.stringify(made(options))).toBe(JSON.stringify(compile(choose(library.find(name), options)).prompt));
    expect(JSON.stringify(made(options))).toContain('18446744073709551615');
  }
});

test('a program is told of a wrong option', () => {
  expect(() => presets.t2vOneStage({ prompt, width: 500 })).toThrow('width: it must be a multiple of 32');
});
