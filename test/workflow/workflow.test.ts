import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/workflow/analyze.ts';
import { names, objectInfo, type SavedLink, type SavedNode, type SavedSubgraph, workflow } from './documents.ts';

const save = (id: number, link: number): SavedNode => ({
  id,
  type: 'PreviewAny',
  inputs: [{ name: 'source', type: '*', link }],
});
const vae = (id: number, name: unknown, rest: Partial<SavedNode> = {}): SavedNode => ({
  id,
  type: 'VAELoader',
  outputs: [{ type: 'VAE' }],
  widgets_values: [name],
  ...rest,
});

describe('widget values', () => {
  test('values are named by position, also with the one that the editor adds to a seed', () => {
    const train: SavedNode = {
      id: 1,
      type: 'TrainLoraNode',
      outputs: [{ type: 'LORA_MODEL' }],
      widgets_values: [
        1,
        1,
        16,
        0.1,
        8,
        'AdamW',
        'MSE',
        5,
        'randomize',
        'bf16',
        'bf16',
        false,
        'LoRA',
        true,
        1,
        false,
        'a.safetensors',
        false,
        false,
      ],
    };
    const document = workflow([train, save(2, 1)], [[1, 1, 0, 2, 0, '*']]);
    expect(names(document)).toEqual(['loras/a.safetensors']);
    expect(names(document, { objectInfo })).toEqual(['loras/a.safetensors']);
  });

  test('values with names are taken by name', () => {
    const asObject = workflow([vae(1, null, { widgets_values: { vae_name: 'a.pt' } }), save(2, 1)], [[1, 1, 0, 2, 0, 'VAE']]);
    expect(names(asObject)).toEqual(['vae/a.pt']);
    const beside = vae(1, 'old.pt', { widgets_values_named: { vae_name: 'a.pt' } });
    expect(names(workflow([beside, save(2, 1)], [[1, 1, 0, 2, 0, 'VAE']]))).toEqual(['vae/a.pt']);
  });

  test('the values of an unknown node are read without names, and by the slots that stand for its widgets', () => {
    const mystery = (inputs: SavedNode['inputs']): SavedNode => ({
      id: 1,
      type: 'Mystery',
      inputs: inputs ?? [],
      widgets_values: ['a.pt', 5, 'fixed'],
    });
    expect(analyze(workflow([mystery([])], [])).models).toMatchObject([{ input: '#0', category: null, name: 'a.pt' }]);
    const slots = [
      { name: 'lora_file', widget: { name: 'lora_file' } },
      { name: 'seed', widget: { name: 'seed' } },
    ];
    expect(analyze(workflow([mystery(slots)], [])).models).toMatchObject([{ input: 'lora_file', category: 'loras' }]);
  });

  test('an image upload takes a place of its own among the values', () => {
    const info = {
      Both: {
        input: { required: { image: [['x.png'], { image_upload: true }], vae_name: [['a.pt'], {}] } },
        output_node: true,
      },
    };
    const both: SavedNode = { id: 1, type: 'Both', widgets_values: ['x.png', 'image', 'a.pt'] };
    expect(analyze(workflow([both], []), { objectInfo: info }).models).toMatchObject([{ input: 'vae_name', name: 'a.pt' }]);
  });
});

describe('nodes that ComfyUI is not given', () => {
  test('muted and bypassed loaders are not prefetched, and the answer says so', () => {
    const document = workflow(
      [vae(1, 'muted.pt', { mode: 2 }), vae(2, 'bypassed.pt', { mode: 4 }), save(3, 1), save(4, 2)],
      [
        [1, 1, 0, 3, 0, 'VAE'],
        [2, 2, 0, 4, 0, 'VAE'],
      ],
    );
    expect(analyze(document)).toMatchObject({
      models: [],
      skipped: [
        { node: '1', why: 'muted.pt: muted' },
        { node: '2', why: 'bypassed.pt: bypassed' },
      ],
    });
  });

  test('what feeds a bypassed node goes on to the next: the base model of a bypassed LoRA is still loaded', () => {
    const document = workflow(
      [
        { id: 1, type: 'UNETLoader', outputs: [{ type: 'MODEL' }], widgets_values: ['base.safetensors', 'default'] },
        {
          id: 2,
          type: 'LoraLoaderModelOnly',
          mode: 4,
          inputs: [{ name: 'model', type: 'MODEL', link: 1 }],
          outputs: [{ type: 'MODEL' }],
          widgets_values: ['style.safetensors', 1],
        },
        save(3, 2),
      ],
      [
        [1, 1, 0, 2, 0, 'MODEL'],
        [2, 2, 0, 3, 0, 'MODEL'],
      ],
    );
    expect(names(document)).toEqual(['diffusion_models/base.safetensors']);
  });

  test('reroutes, and SetNode with GetNode, lead to the loader', () => {
    const document = workflow(
      [
        vae(1, 'a.pt'),
        { id: 2, type: 'Reroute', inputs: [{ name: '', type: '*', link: 1 }], outputs: [{ type: '*' }] },
        {
          id: 3,
          type: 'SetNode',
          inputs: [{ name: 'VAE', type: 'VAE', link: 2 }],
          outputs: [{ type: '*' }],
          widgets_values: ['my vae'],
        },
        { id: 4, type: 'GetNode', outputs: [{ type: 'VAE' }], widgets_values: ['my vae'] },
        save(5, 3),
        { id: 6, type: 'Note', widgets_values: ['b.safetensors'] },
      ],
      [
        [1, 1, 0, 2, 0, 'VAE'],
        [2, 2, 0, 3, 0, 'VAE'],
        [3, 4, 0, 5, 0, 'VAE'],
      ],
    );
    expect(names(document)).toEqual(['vae/a.pt']);
  });

  test('the value of a primitive node replaces the widget that it is linked to', () => {
    const loader = vae(1, 'stale.pt', { inputs: [{ name: 'vae_name', type: 'COMBO', link: 2, widget: { name: 'vae_name' } }] });
    const primitive: SavedNode = {
      id: 2,
      type: 'PrimitiveNode',
      outputs: [{ type: 'COMBO' }],
      widgets_values: ['a.pt', 'fixed'],
    };
    const document = workflow(
      [loader, primitive, save(3, 1)],
      [
        [1, 1, 0, 3, 0, 'VAE'],
        [2, 2, 0, 1, 0, 'COMBO'],
      ],
    );
    expect(names(document)).toEqual(['vae/a.pt']);
  });

  test('a loader of an unknown class whose only user is muted counts as not needed', () => {
    const document = workflow(
      [
        { id: 1, type: 'Custom VAE Loader', outputs: [{ type: 'VAE' }], widgets_values: ['a.pt'] },
        { id: 2, type: 'Custom Decode', mode: 2, inputs: [{ name: 'vae', type: 'VAE', link: 1 }] },
        vae(3, 'b.pt'),
        save(4, 2),
      ],
      [
        [1, 1, 0, 2, 0, 'VAE'],
        [2, 3, 0, 4, 0, 'VAE'],
      ],
    );
    expect(names(document)).toEqual(['vae/b.pt']);
  });
});

describe('subgraphs', () => {
  /** One inner VAELoader; its name is promoted to the input `vae_name` of the subgraph. */
  const inner = (id = 'sub'): SavedSubgraph => ({
    id,
    inputs: [{ name: 'vae_name', linkIds: [10] }],
    outputs: [{ name: 'VAE', linkIds: [11] }],
    nodes: [vae(1, 'inner.pt', { inputs: [{ name: 'vae_name', type: 'COMBO', link: 10, widget: { name: 'vae_name' } }] })],
    links: [
      [10, -10, 0, 1, 0, 'COMBO'],
      [11, 1, 0, -20, 0, 'VAE'],
    ],
  });
  const outside: SavedLink[] = [[1, 7, 0, 8, 0, 'VAE']];
  const host = (rest: Partial<SavedNode> = {}): SavedNode => ({ id: 7, type: 'sub', outputs: [{ type: 'VAE' }], ...rest });

  test('a loader inside is found under the id that the API prompt gives it', () => {
    expect(analyze(workflow([host(), save(8, 1)], outside, [inner()])).models).toMatchObject([
      { node: '7:1', name: 'inner.pt' },
    ]);
  });

  test('the value set on the node outside wins over the one inside, in each form that ComfyUI has saved', () => {
    const proxied = host({ widgets_values: ['outer.pt'], properties: { proxyWidgets: [['1', 'vae_name']] } });
    const listed = host({ widgets_values: ['outer.pt'] });
    const named = host({ widgets_values: ['wrong.pt'], widgets_values_named: { vae_name: 'outer.pt' } });
    for (const node of [proxied, listed, named])
      expect(names(workflow([node, save(8, 1)], outside, [inner()]))).toEqual(['vae/outer.pt']);
  });

  test('where the node outside has no value the one inside counts', () => {
    const proxied = host({ widgets_values: [], properties: { proxyWidgets: [['1', 'vae_name']] } });
    const empty = host({ widgets_values: [null] });
    for (const node of [proxied, empty])
      expect(names(workflow([node, save(8, 1)], outside, [inner()]))).toEqual(['vae/inner.pt']);
  });

  test('a value that the older format sets on an inner widget without a link is used', () => {
    const unlinked: SavedSubgraph = { ...inner(), inputs: [], nodes: [vae(1, 'inner.pt')], links: [[11, 1, 0, -20, 0, 'VAE']] };
    const proxied = host({ widgets_values: ['outer.pt'], properties: { proxyWidgets: [['1', 'vae_name']] } });
    expect(names(workflow([proxied, save(8, 1)], outside, [unlinked]))).toEqual(['vae/outer.pt']);
  });

  test('two nodes of one subgraph load what each of them says', () => {
    const nodes = [
      host({ widgets_values: ['a.pt'] }),
      { ...host({ widgets_values: ['b.pt'] }), id: 9 },
      save(8, 1),
      save(10, 2),
    ];
    expect(names(workflow(nodes, [...outside, [2, 9, 0, 10, 0, 'VAE']], [inner()]))).toEqual(['vae/a.pt', 'vae/b.pt']);
  });

  test('a name from outside reaches a loader two subgraphs deep', () => {
    const middle: SavedSubgraph = {
      id: 'middle',
      inputs: [{ name: 'name', linkIds: [20] }],
      outputs: [{ name: 'VAE', linkIds: [21] }],
      nodes: [
        {
          id: 3,
          type: 'sub',
          inputs: [{ name: 'vae_name', type: 'COMBO', link: 20, widget: { name: 'vae_name' } }],
          outputs: [{ type: 'VAE' }],
        },
      ],
      links: [
        [20, -10, 0, 3, 0, 'COMBO'],
        [21, 3, 0, -20, 0, 'VAE'],
      ],
    };
    const text: SavedNode = { id: 2, type: 'PrimitiveString', outputs: [{ type: 'STRING' }], widgets_values: ['linked.pt'] };
    const linked: SavedNode = {
      ...host(),
      type: 'middle',
      inputs: [{ name: 'name', type: 'COMBO', link: 5, widget: { name: 'name' } }],
    };
    const valued: SavedNode = { ...host({ widgets_values: ['valued.pt'] }), type: 'middle' };
    const links: SavedLink[] = [...outside, [5, 2, 0, 7, 0, 'STRING']];
    expect(analyze(workflow([linked, text, save(8, 1)], links, [inner(), middle])).models).toMatchObject([
      { node: '7:3:1', name: 'linked.pt' },
    ]);
    expect(names(workflow([valued, save(8, 1)], outside, [inner(), middle]))).toEqual(['vae/valued.pt']);
    expect(names(workflow([{ ...host(), type: 'middle' }, save(8, 1)], outside, [inner(), middle]))).toEqual(['vae/inner.pt']);
  });

  test('a muted subgraph loads nothing; a blueprint, which has no output yet, is taken whole', () => {
    expect(analyze(workflow([host({ mode: 2 }), save(8, 1)], outside, [inner()]))).toMatchObject({
      models: [],
      skipped: [{ node: '7:1', why: 'inner.pt: muted' }],
    });
    expect(names(workflow([host()], [], [inner()]))).toEqual(['vae/inner.pt']);
  });

  test('a subgraph that contains itself is refused', () => {
    const self: SavedSubgraph = { ...inner(), nodes: [{ id: 1, type: 'sub', outputs: [{ type: 'VAE' }] }] };
    expect(() => analyze(workflow([host()], [], [self]))).toThrow(/nested too deeply/);
  });

  test('subgraphs that multiply without end are refused before they fill the memory', () => {
    const level = (id: string, type: string): SavedSubgraph => ({
      id,
      nodes: Array.from({ length: 10 }, (_, index) => ({ id: index, type })),
      links: [],
    });
    const levels = Array.from({ length: 20 }, (_, depth) => level(`l${depth}`, depth === 19 ? 'VAELoader' : `l${depth + 1}`));
    expect(() => analyze(workflow([{ id: 1, type: 'l0' }], [], levels))).toThrow(/more than 10000 nodes/);
  });
});
