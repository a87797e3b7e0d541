import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { analyze } from '../../src/workflow/analyze.ts';
import { feeding, names, workflow } from './documents.ts';
import { chunk, compressedChunk, internationalChunk, png, textChunk, webp } from './images.ts';

const api = feeding('CheckpointLoaderSimple', { ckpt_name: 'sub/größe.safetensors' });
const model = ['checkpoints/sub/größe.safetensors'];
const saved = workflow([{ id: 1, type: 'VAELoader', widgets_values: ['a.safetensors'] }], []);

describe('documents that are understood', () => {
  test.each([
    ['an API prompt', api],
    ['its JSON', JSON.stringify(api)],
    ['its bytes', Buffer.from(JSON.stringify(api))],
    ['bytes with a byte order mark', Buffer.from(`\uFEFF ${JSON.stringify(api)}`)],
    ['a request to POST /prompt', { prompt: api, client_id: 'x', extra_data: { extra_pnginfo: { workflow: saved } } }],
    ['what the editor exports', { workflow: saved, prompt: api }],
    ['metadata as it lies in files', { prompt: JSON.stringify(api), workflow: JSON.stringify(saved) }],
    ['PNG', png(textChunk('tEXt', 'prompt', JSON.stringify(api)), textChunk('tEXt', 'workflow', JSON.stringify(saved)))],
    ['animated PNG', png(textChunk('comf', 'prompt', JSON.stringify(api)))],
    ['PNG with compressed text', png(compressedChunk('prompt', JSON.stringify(api)))],
    ['PNG with international text', png(internationalChunk('prompt', JSON.stringify(api), false))],
    ['PNG with compressed international text', png(internationalChunk('prompt', JSON.stringify(api), true))],
    ['WebP', webp([`prompt:${JSON.stringify(api)}`, `workflow:${JSON.stringify(saved)}`])],
    ['WebP, big-endian with header', webp([`prompt:${JSON.stringify(api)}`], { bigEndian: true, header: true })],
  ])('%s', (_, document) => {
    expect(analyze(document).kind).toBe('prompt');
    expect(names(document)).toEqual(model);
  });

  test.each([
    ['a workflow', saved],
    ['a PNG that carries only a workflow', png(textChunk('tEXt', 'workflow', JSON.stringify(saved)))],
    [
      'a PNG whose prompt is damaged',
      png(textChunk('tEXt', 'prompt', '{'), textChunk('tEXt', 'workflow', JSON.stringify(saved))),
    ],
    ['a WebP that carries only a workflow', webp([`workflow:${JSON.stringify(saved)}`])],
    ['a request with only the workflow', { extra_data: { extra_pnginfo: { workflow: saved } } }],
  ])('%s', (_, document) => {
    expect(analyze(document).kind).toBe('workflow');
    expect(names(document)).toEqual(['vae/a.safetensors']);
  });

  test('prompts with NaN, which older ComfyUI wrote, are read', () => {
    const [loader, output] = [api['1'], api['99']];
    const text = `{"1":${JSON.stringify(loader)},"99":${JSON.stringify(output)},"5":{"class_type":"X","inputs":{"a":-Infinity,"b":"NaN \\" NaN"},"is_changed":[NaN]}}`;
    expect(names(png(textChunk('tEXt', 'prompt', text)))).toEqual(model);
  });
});

describe('documents that are refused, each with a sentence on why', () => {
  const bomb = compressedChunk('prompt', '{"a":"'.padEnd(40 * 1024 * 1024, ' '));
  test.each([
    ['an image without metadata', png(), 'carries no prompt and no workflow'],
    ['a WebP without metadata', webp([]), 'carries no prompt and no workflow'],
    ['an image with damaged metadata', png(textChunk('tEXt', 'prompt', '{"1":')), 'damaged'],
    ['a compressed text that expands beyond the limit', png(bomb), 'no prompt and no workflow'],
    ['another kind of file', Buffer.from([0, 0, 0, 0x20, 0x66, 0x74, 0x79, 0x70]), 'neither PNG, WebP nor JSON'],
    ['an empty file', Buffer.alloc(0), 'neither PNG, WebP nor JSON'],
    ['text that is not JSON', '{"1":', 'not JSON'],
    ['JSON of something else', { hello: 'world' }, 'no prompt and no workflow'],
    ['a list', [], 'not a document'],
    ['nothing', undefined, 'not a document'],
    ['text beyond the limit', `{"a":"${'x'.repeat(17 * 1024 * 1024)}"}`, 'larger than 16 MiB'],
    ['nesting without end', '['.repeat(1_000_000), 'levels'],
  ])('%s', (_, document, message) => {
    expect(() => analyze(document)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringContaining(message) }),
    );
  });

  test('a prompt of more nodes than any real one has', () => {
    const nodes = Object.fromEntries(Array.from({ length: 10_001 }, (_, id) => [id, { class_type: 'X', inputs: {} }]));
    expect(() => analyze(nodes)).toThrow(/more than 10000 nodes/);
  });
});

/** Analyses a document that may be anything: an answer or one clear refusal. */
function answersOrRefuses(document: unknown): void {
  try {
    expect(analyze(document).models).toBeInstanceOf(Array);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(CacheError);
    expect(thrown).toMatchObject({ code: 'BAD_REQUEST' });
  }
}

describe('hostile documents never crash the reader', () => {
  test('any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => answersOrRefuses(Buffer.from(bytes))));
  });

  test('any JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => answersOrRefuses(value)));
  });

  test('PNG with any chunks', () => {
    const chunks = fc.record({
      type: fc.constantFrom('tEXt', 'zTXt', 'iTXt', 'comf', 'IEND'),
      data: fc.uint8Array({ maxLength: 60 }),
    });
    const keyword = Buffer.from('prompt\0');
    fc.assert(
      fc.property(fc.array(chunks, { maxLength: 4 }), fc.boolean(), (list, named) =>
        answersOrRefuses(
          png(...list.map(({ type, data }) => chunk(type, Buffer.concat([named ? keyword : Buffer.alloc(0), data])))),
        ),
      ),
    );
  });

  test.each([
    ['PNG', png(textChunk('tEXt', 'prompt', JSON.stringify(api)), compressedChunk('workflow', JSON.stringify(saved)))],
    ['WebP', webp([`prompt:${JSON.stringify(api)}`, `workflow:${JSON.stringify(saved)}`])],
  ])('%s that is cut off or damaged anywhere', (_, file) => {
    for (let length = 0; length < file.length; length += 1) answersOrRefuses(file.subarray(0, length));
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(file);
        damaged[at] = byte;
        answersOrRefuses(damaged);
      }),
    );
  });

  const anything = fc.anything({
    maxDepth: 2,
    values: [fc.constantFrom('1', '2', 'a.safetensors', 1, -10, -20, null, true, '__proto__')],
  });
  const oneOf = (...values: unknown[]) =>
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: anything });

  test('prompts of any shape', () => {
    const classes = oneOf(
      'CheckpointLoaderSimple',
      'LoraLoader',
      'ComfySwitchNode',
      'PrimitiveString',
      'SaveImage',
      'constructor',
      'Text',
    );
    const values = oneOf(
      ['1', 0],
      ['2', 0],
      ['3', 0],
      'a.safetensors',
      0,
      true,
      { on: false, lora: 'b.pt' },
      { __value__: ['a.pt'] },
    );
    const inputs = fc.dictionary(
      fc.constantFrom('ckpt_name', 'lora_name', 'switch', 'on_true', 'on_false', 'value', 'images', '__proto__'),
      values,
    );
    const node = fc.record({
      class_type: classes,
      inputs: fc.oneof({ weight: 5, arbitrary: inputs }, { weight: 1, arbitrary: anything }),
    });
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('1', '2', '3', '12:3', '__proto__'), node), answersOrRefuses), {
      numRuns: 500,
    });
  });

  test('workflows of any shape', () => {
    const ids = oneOf(1, 2, 3, '1');
    const links = fc.oneof(
      fc.tuple(oneOf(1, 2, 3), oneOf(1, 2, 3, -10), oneOf(0, 1, '0'), oneOf(1, 2, 3, -20), oneOf(0, 1), oneOf('*', 'MODEL')),
      fc.record({
        id: oneOf(1, 2, 3),
        origin_id: oneOf(1, 2, -10),
        origin_slot: oneOf(0, 1),
        target_id: oneOf(1, 2, -20),
        target_slot: oneOf(0, 1),
      }),
    );
    const slot = fc.record({
      name: oneOf('ckpt_name', 'on_true', 'value'),
      type: oneOf('MODEL', '*'),
      link: oneOf(1, 2, 3, null),
      widget: oneOf({ name: 'value' }, undefined),
    });
    const node = fc.record({
      id: ids,
      type: oneOf('CheckpointLoaderSimple', 'Reroute', 'SetNode', 'GetNode', 'PrimitiveNode', 'sub', 'sub2', 'SaveImage'),
      mode: oneOf(0, 2, 4),
      inputs: fc.array(slot, { maxLength: 3 }),
      outputs: fc.array(fc.record({ type: oneOf('MODEL', '*') }), { maxLength: 2 }),
      widgets_values: oneOf(['a.safetensors', 1], { ckpt_name: 'a.safetensors' }, undefined),
      properties: fc.record({
        proxyWidgets: oneOf([['1', 'ckpt_name']], undefined),
        models: oneOf([{ name: 'a.safetensors', directory: 'x' }], undefined),
      }),
    });
    const graph = { nodes: fc.array(node, { maxLength: 4 }), links: fc.array(links, { maxLength: 4 }) };
    const port = fc.record({ name: oneOf('ckpt_name', 'value'), linkIds: fc.array(oneOf(1, 2, 3), { maxLength: 2 }) });
    const sub = fc.record({
      ...graph,
      id: oneOf('sub', 'sub2'),
      inputs: fc.array(port, { maxLength: 2 }),
      outputs: fc.array(port, { maxLength: 2 }),
    });
    const document = fc.record({ ...graph, definitions: fc.record({ subgraphs: fc.array(sub, { maxLength: 2 }) }) });
    fc.assert(fc.property(document, answersOrRefuses), { numRuns: 1000 });
  });
});
