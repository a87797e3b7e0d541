import { expect, test } from 'vitest';
import { coreTable } from '../../src/workflow/core-table.ts';
import { NodeClasses } from '../../src/workflow/node-classes.ts';
import { widgetValues } from '../../src/workflow/widget-values.ts';
import { objectInfo } from './documents.ts';

const table = coreTable();
const comfy = new NodeClasses(objectInfo);
/**
 * Classes that this object_info does not have, because the packages they need were not installed where it was taken;
 * `test/full/real-nodes.test.ts` asks a ComfyUI for them.
 */
const unverified = new Set([
  'BatchImagesNode',
  'BatchLatentsNode',
  'BatchMasksNode',
  'Canny',
  'ColorTransfer',
  'ComfySoftSwitchNode',
  'GLSLShader',
  'ImageBlend',
  'ImageBlur',
  'ImageQuantize',
  'ImageRGBToYUV',
  'ImageScaleToTotalPixels',
  'ImageSharpen',
  'ImageYUVToRGB',
  'LatentAdd',
  'LatentApplyOperation',
  'LatentApplyOperationCFG',
  'LatentBatch',
  'LatentBatchSeedBehavior',
  'LatentConcat',
  'LatentCut',
  'LatentCutToBatch',
  'LatentInterpolate',
  'LatentMultiply',
  'LatentOperationSharpen',
  'LatentOperationTonemapReinhard',
  'LatentSubtract',
  'Morphology',
  'ReplaceVideoLatentFrames',
  'ResizeImageMaskNode',
]);

test('every class of the stock table is a class of ComfyUI', () => {
  const classes = [table.loaders, table.constants, table.switches].flatMap(Object.keys).concat(table.outputs, table.others);
  expect(classes.filter((name) => !(name in objectInfo) && !unverified.has(name))).toEqual([]);
  expect(new Set(classes).size).toBe(classes.length);
});

test('no class of ComfyUI is missing from the stock table', () => {
  const knowsNothing = new NodeClasses(undefined);
  expect(Object.keys(objectInfo).filter((name) => !knowsNothing.isCore(name))).toEqual([]);
});

test.each(Object.entries(table.loaders))('%s has the inputs that the stock table says', (name, loader) => {
  const specs = comfy.specs(name) ?? [];
  const widgets = specs.filter(({ kind }) => kind !== 'socket').map((spec) => spec.name);
  expect(loader.widgets).toEqual(widgets);
  for (const input of Object.keys(loader.models)) expect(specs.find((spec) => spec.name === input)?.kind).toBe('choice');
  for (const input of loader.idleWhenZero ?? []) expect(widgets).toContain(input);
});

test('every input of a stock node that lists model files, or an empty list, is in the stock table or loads no model', () => {
  // What lists files that are no models, or folders.
  const noModels = [
    'LoadImage',
    'LoadImageMask',
    'LoadImageOutput',
    'LoadLatent',
    'LoadAudio',
    'LoadVideo',
    'LoadTrainingDataset',
    'DiffusersLoader',
    'CustomCombo',
  ];
  const listing = Object.keys(objectInfo).flatMap((name) =>
    (comfy.specs(name) ?? [])
      .filter(
        ({ kind, options }) =>
          kind === 'choice' && (options.length === 0 || options.some((option) => /\.safetensors$/.test(option))),
      )
      .filter((spec) => comfy.categoryOf(name, spec.name) === null)
      .map((spec) => `${name}.${spec.name}`),
  );
  expect([...new Set(listing.map((input) => input.split('.')[0]))].sort()).toEqual(noModels.sort());
});

test.each(
  Object.entries({
    ...table.constants,
    ...Object.fromEntries(Object.entries(table.switches).map(([name, { on }]) => [name, on])),
  }),
)('the literal of %s is its widget %s', (name, input) => {
  if (unverified.has(name)) return;
  expect(comfy.specs(name)?.find((spec) => spec.name === input)?.kind).toMatch(/field|choice/);
});

test('outputs and lazy inputs are those of ComfyUI', () => {
  const outputs = Object.keys(objectInfo).filter((name) => comfy.isOutput(name));
  expect([...table.outputs].sort()).toEqual(outputs.sort());
  const lazy = Object.keys(objectInfo).filter((name) => comfy.specs(name)?.some((spec) => spec.lazy));
  expect(lazy).toEqual(Object.keys(table.switches).filter((name) => !unverified.has(name)));
});

test('widget values are named alike with object_info and with the stock table', () => {
  const values = ['a.safetensors', 0.5, 0.25, 'b', 'c', 'd'];
  for (const [type, loader] of Object.entries(table.loaders)) {
    const node = {
      id: '1',
      type,
      state: 'active' as const,
      inputs: [],
      outputTypes: [],
      values: values.slice(0, loader.widgets.length),
      namedValues: null,
      proxies: null,
      setAside: new Map(),
      declared: [],
    };
    expect(widgetValues(node, new NodeClasses(undefined))).toEqual(widgetValues(node, comfy));
  }
});
