import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/workflow/analyze.ts';
import { names, type SavedLink, type SavedNode, type SavedSubgraph, save, vae, workflow } from './documents.ts';

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

  test('values are counted over the inputs that stand for widgets only', () => {
    const image = { name: 'image', linkIds: [] };
    const after: SavedSubgraph = {
      ...inner(),
      inputs: [image, ...(inner().inputs ?? [])],
      links: [
        [10, -10, 1, 1, 0, 'COMBO'],
        [11, 1, 0, -20, 0, 'VAE'],
      ],
    };
    expect(names(workflow([host({ widgets_values: ['outer.pt'] }), save(8, 1)], outside, [after]))).toEqual(['vae/outer.pt']);
  });

  test('a value that the editor could not place is used by the name of its input', () => {
    const entry = { originalEntry: ['-1', 'vae_name'], reason: 'missingSourceNode', hostValue: 'aside.pt' };
    const node = host({ widgets_values: ['outer.pt'], properties: { proxyWidgetErrorQuarantine: [entry] } });
    expect(names(workflow([node, save(8, 1)], outside, [inner()]))).toEqual(['vae/aside.pt']);
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
    const proxied = {
      ...host({ widgets_values: ['proxied.pt'], properties: { proxyWidgets: [['3', 'vae_name']] } }),
      type: 'middle',
    };
    const unlinked: SavedSubgraph = { ...middle, inputs: [], nodes: [{ id: 3, type: 'sub', outputs: [{ type: 'VAE' }] }] };
    expect(names(workflow([proxied, save(8, 1)], outside, [inner(), unlinked]))).toEqual(['vae/proxied.pt']);
    expect(names(workflow([{ ...host(), type: 'middle' }, save(8, 1)], outside, [inner(), middle]))).toEqual(['vae/inner.pt']);
  });

  test('a muted subgraph loads nothing; a blueprint, which has no output yet, is taken whole', () => {
    expect(analyze(workflow([host({ mode: 2 }), save(8, 1)], outside, [inner()]))).toMatchObject({
      models: [],
      skipped: [{ node: '7:1', why: 'inner.pt: muted' }],
    });
    expect(names(workflow([host()], [], [inner()]))).toEqual(['vae/inner.pt']);
    const previewing: SavedSubgraph = { ...inner(), nodes: [...inner().nodes, { id: 2, type: 'PreviewAny' }] };
    expect(names(workflow([host()], [], [previewing]))).toEqual(['vae/inner.pt']);
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
