import { expect, test } from 'vitest';
import { analyze } from '../../src/workflow/analyze.ts';

const prompt = (text: string) => ({
  '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'a.safetensors' } },
  '2': { class_type: 'CLIPTextEncode', inputs: { text, clip: ['1', 1] } },
  '3': { class_type: 'PreviewAny', inputs: { source: ['2', 0] } },
});

/** What is found of a text when these files are there. */
function found(text: string, ...there: string[]) {
  const resolveName = (category: string, name: string) =>
    there.includes(`${category}/${name}`) ? `/m/${category}/${name}` : null;
  return analyze({ prompt: prompt(text) }, { resolveName })
    .models.slice(1)
    .map(({ category, name, path }) => [`${category}/${name}`, path !== null]);
}

test.each([
  ['cat embedding:bad', 'embeddings/bad.pt'],
  ['cat, (embedding:bad:1.2), dog', 'embeddings/bad.pt'],
  ['(cat embedding:bad.pt)', 'embeddings/bad.pt'],
  ['embedding:sdxl/bad:0.5', 'embeddings/sdxl/bad.safetensors'],
  ['embedding:sdxl\\bad', 'embeddings/sdxl/bad.bin'],
  ['Embedding:v1.5-neg', 'embeddings/v1.5-neg.pt'],
  ['cat, (embedding:bad:+1.2)', 'embeddings/bad.pt'],
  ['cat, (embedding:bad \\(v2\\):1.2)', 'embeddings/bad.pt'],
  ['cat, (embedding:bad\\(v2\\):1.2)', 'embeddings/bad(v2).pt'],
  ['cat, embedding: bad', 'embeddings/bad.pt'],
  ['cat, embedding:\nbad', 'embeddings/bad.pt'],
  ['cat, embedding:\u3000bad', 'embeddings/bad.pt'],
  ['cat, embedding:,bad', 'embeddings/bad.pt'],
  ['cat, (embedding:bad:1e-1)', 'embeddings/bad.pt'],
  ['cat, (embedding:bad: 1.2)', 'embeddings/bad.pt'],
  ['cat, ((embedding:bad:1_0):1.2)', 'embeddings/bad.pt'],
  ['cat, (embedding:bad:nan)', 'embeddings/bad.pt'],
  ['{day|embedding:bad}', 'embeddings/bad.pt'],
  ['{embedding:bad|night}', 'embeddings/bad.pt'],
  ['cat embedding:a,b', 'embeddings/a,b.safetensors'],
  ['cat embedding:a,b, dog', 'embeddings/a,b.pt'],
  ['cat embedding:x:1', 'embeddings/x:1.pt'],
  ['cat (embedding:a{1}:1.2)', 'embeddings/a{1}.pt'],
  ['cat embedding:a<b>', 'embeddings/a<b>.bin'],
  ['cat <lora:style:0.8>', 'loras/style.safetensors'],
  ['<lora:sub/style.v2:1:0.5> cat', 'loras/sub/style.v2.safetensors'],
])('%s names %s', (text, file) => {
  expect(found(text, file)).toEqual([[file, true]]);
});

test('an embedding in a subfolder, named without it as ComfyUI allows, was not copied', () => {
  const files = ['embeddings/sdxl/bad.pt', 'embeddings/flux/bad.safetensors', 'embeddings/not-bad.pt'];
  const options = {
    resolveName: (category: string, name: string) => (files.includes(`${category}/${name}`) ? `/m/${category}/${name}` : null),
    withStem: () => ['flux/bad.safetensors', 'sdxl/bad.pt'],
  };
  const { models } = analyze({ prompt: prompt('cat (embedding:bad:1.2)') }, options);
  expect(models.slice(1).map(({ name }) => name)).toEqual(['flux/bad.safetensors', 'sdxl/bad.pt']);
});

test('several are found, and one that is not there is told as missing', () => {
  const text = 'embedding:a, embedding:b <lora:c:1>';
  expect(found(text, 'embeddings/a.safetensors', 'loras/c.safetensors')).toEqual([
    ['embeddings/a.safetensors', true],
    ['embeddings/b.safetensors', false],
    ['loras/c.safetensors', true],
  ]);
});

test.each(['a cat', 'embedding:', 'lora:x', 'my_embedding of a cat'])('%s names none', (text) => {
  expect(found(text)).toEqual([]);
});

test.each(['<lora:ink:0>', '<lora:ink:0.0:0>', '<lora:ink: -0 >', '<lyco:ink:.0>'])(
  'a LoRA without strength in a text is not prefetched, as one in a loader: %s',
  (tag) => {
    const found = analyze(prompt(`cat ${tag}, <lora:wool:0:0.5>`));
    expect(found.models.slice(1).map(({ name }) => name)).toEqual(['wool.safetensors']);
    expect(found.skipped).toEqual([{ node: '2', why: 'ink.safetensors: strength 0' }]);
  },
);
