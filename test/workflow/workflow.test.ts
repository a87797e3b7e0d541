import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/workflow/analyze.ts';
import { names, objectInfo, type SavedLink, type SavedNode, save, switched, vae, workflow } from './documents.ts';

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

test('inputs that only take links, and inputs that a choice brings, are counted rightly among the values', () => {
  const info = {
    Loader: {
      input: {
        required: {
          text: ['STRING', { forceInput: true }],
          mode: [
            'COMFY_DYNAMICCOMBO_V3',
            { options: [{ key: 'big', inputs: { required: { size: ['INT', {}], crop: ['COMBO', {}] } } }] },
          ],
          vae_name: [['a.pt'], {}],
        },
      },
      output_node: true,
    },
  };
  const loader: SavedNode = { id: 1, type: 'Loader', widgets_values: ['big', 512, 'center', 'a.pt'] };
  expect(analyze(workflow([loader], []), { objectInfo: info }).models).toMatchObject([{ input: 'vae_name', name: 'a.pt' }]);
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

  test('a bypassed node with two inputs of one type hands each on to its own output', () => {
    const text = (id: number, value: string): SavedNode => ({
      id,
      type: 'PrimitiveString',
      outputs: [{ type: 'STRING' }],
      widgets_values: [value],
    });
    const both: SavedNode = {
      id: 3,
      type: 'Both',
      mode: 4,
      inputs: [
        { name: 'one', type: 'STRING', link: 1 },
        { name: 'two', type: 'STRING', link: 2 },
      ],
      outputs: [{ type: 'STRING' }, { type: 'STRING' }],
    };
    const loader = vae(4, 'old.pt', { inputs: [{ name: 'vae_name', type: 'STRING', link: 3, widget: { name: 'vae_name' } }] });
    const document = workflow(
      [text(1, 'one.pt'), text(2, 'two.pt'), both, loader, save(5, 4)],
      [
        [1, 1, 0, 3, 0, 'STRING'],
        [2, 2, 0, 3, 1, 'STRING'],
        [3, 3, 1, 4, 0, 'STRING'],
        [4, 4, 0, 5, 0, 'VAE'],
      ],
    );
    expect(names(document)).toEqual(['vae/two.pt']);
  });

  test('a widget that is linked to a muted node keeps its own value', () => {
    const loader = vae(1, 'own.pt', { inputs: [{ name: 'vae_name', type: 'STRING', link: 2, widget: { name: 'vae_name' } }] });
    const text: SavedNode = {
      id: 2,
      type: 'PrimitiveString',
      mode: 2,
      outputs: [{ type: 'STRING' }],
      widgets_values: ['muted.pt'],
    };
    const document = workflow(
      [loader, text, save(3, 1)],
      [
        [1, 1, 0, 3, 0, 'VAE'],
        [2, 2, 0, 1, 0, 'STRING'],
      ],
    );
    expect(names(document)).toEqual(['vae/own.pt']);
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

describe('sockets that nothing feeds', () => {
  const decode: SavedNode = {
    id: 2,
    type: 'VAEDecode',
    inputs: [
      { name: 'samples', type: 'LATENT', link: null },
      { name: 'vae', type: 'VAE', link: 1 },
    ],
    outputs: [{ type: 'IMAGE' }],
  };
  const links: SavedLink[] = [
    [1, 1, 0, 2, 0, 'VAE'],
    [2, 2, 0, 3, 0, 'IMAGE'],
    [3, 4, 0, 5, 0, 'VAE'],
  ];
  const nodes = [vae(1, 'a.pt'), decode, save(3, 2), vae(4, 'b.pt'), save(5, 3)];

  test('ComfyUI refuses the output, so its models are not prefetched', () => {
    expect(names(workflow(nodes, links), { objectInfo })).toEqual(['vae/b.pt']);
  });

  test('unless a node sends its input everywhere: the links that it makes are not in the file', () => {
    const everywhere: SavedNode = { id: 6, type: 'Anything Everywhere' };
    expect(names(workflow([...nodes, everywhere], links), { objectInfo }).sort()).toEqual(['vae/a.pt', 'vae/b.pt']);
  });
});

test('what a switch of a workflow leaves out comes last and is marked: the switch may be turned before it runs', () => {
  const { models, skipped } = analyze(switched, { objectInfo });
  expect(models.map(({ name, switchedOff }) => ({ name, switchedOff }))).toEqual([
    { name: 'on.pt', switchedOff: undefined },
    { name: 'off.pt', switchedOff: true },
  ]);
  expect(skipped).toEqual([]);
});
