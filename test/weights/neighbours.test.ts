import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCompanion, isSidecar, Neighbours } from '../../src/weights/companion-names.ts';

const stems = [
  'a',
  'a.b',
  'model',
  'model-00001-of-00002',
  'model-00002-of-00002',
  'mmproj-a',
  'a-mmproj',
  'config',
  '.a',
  'A',
];
const endings = ['', '.safetensors', '.gguf', '.txt', '.json', '.b.json', '.preview.png', '.part', '.index.json', '.'];
const name = fc.tuple(fc.constantFrom(...stems), fc.constantFrom(...endings)).map((parts) => parts.join(''));

test('the files beside a model are found by its name as if all names had been gone through', () => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 30 }), name, (names, model) => {
      const beside = names.filter((other) => other === model || isCompanion(model, other) || isSidecar(model, other));
      expect(new Neighbours(names).of(model).sort()).toEqual(beside.sort());
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['model.onnx', 'selected_tags.csv'],
  ['model.onnx', 'labels.txt'],
  ['pytorch_model.bin', 'id2label.json'],
  ['diffusion_pytorch_model.safetensors', 'quanto_qmap.json'],
])('what the numbers of %s mean lies beside its copy, too: %s', (model, other) => {
  expect(isCompanion(model, other) || isSidecar(model, other)).toBe(true);
  expect(isSidecar(model, 'notes about another model.csv')).toBe(false);
});
