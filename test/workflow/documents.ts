import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { analyze } from '../../src/workflow/analyze.ts';
import type { AnalyzeOptions } from '../../src/workflow/types.ts';

/** Interface of the nodes of ComfyUI 0.33.0, from its own `GET /object_info`, without its texts. */
export const objectInfo: Record<string, unknown> = JSON.parse(
  String(gunzipSync(readFileSync(new URL('../fixtures/comfyui/object-info-0.33.0.json.gz', import.meta.url)))),
);

export type PromptNodes = Record<string, readonly [classType: string, inputs: Record<string, unknown>]>;

/** An API prompt. */
export function prompt(nodes: PromptNodes): Record<string, unknown> {
  return Object.fromEntries(Object.entries(nodes).map(([id, [class_type, inputs]]) => [id, { class_type, inputs }]));
}

/** An API prompt in which one loader feeds an output node. */
export function feeding(classType: string, inputs: Record<string, unknown>, rest: PromptNodes = {}): Record<string, unknown> {
  return prompt({ '1': [classType, inputs], ...rest, '99': ['PreviewAny', { source: ['1', 0] }] });
}

/** `category/name` of the models, in order. */
export function names(document: unknown, options?: AnalyzeOptions): string[] {
  return analyze(document, options).models.map(({ category, name }) => `${category}/${name}`);
}

/** What `resolveName` and `categories` say when exactly these files exist (`category/name`). */
export function files(...existing: string[]): Required<Pick<AnalyzeOptions, 'resolveName' | 'categories'>> {
  return {
    categories: () => [...new Set(existing.map((file) => file.slice(0, file.indexOf('/'))))],
    resolveName: (category, name) => (existing.includes(`${category}/${name}`) ? `/models/${category}/${name}` : null),
  };
}

interface Slot {
  name: string;
  type?: string;
  link?: number | null;
  widget?: { name: string };
}

export interface SavedNode {
  id: number;
  type: string;
  mode?: number;
  inputs?: Slot[];
  outputs?: { type: string }[];
  widgets_values?: unknown;
  widgets_values_named?: Record<string, unknown>;
  properties?: Record<string, unknown>;
}

export type SavedLink = readonly [
  id: number,
  origin: number,
  originSlot: number,
  target: number,
  targetSlot: number,
  type: string,
];

export interface SavedSubgraph {
  id: string;
  inputs?: { name: string; linkIds: number[] }[];
  outputs?: { name: string; linkIds: number[] }[];
  nodes: SavedNode[];
  links: SavedLink[];
}

/** A workflow as ComfyUI's editor saves it. */
export function workflow(nodes: SavedNode[], links: SavedLink[], subgraphs: SavedSubgraph[] = []): Record<string, unknown> {
  const asObject = ([id, origin_id, origin_slot, target_id, target_slot, type]: SavedLink) => ({
    id,
    origin_id,
    origin_slot,
    target_id,
    target_slot,
    type,
  });
  return {
    nodes,
    links,
    version: 0.4,
    definitions: { subgraphs: subgraphs.map((subgraph) => ({ ...subgraph, links: subgraph.links.map(asObject) })) },
  };
}

/** An output node of a saved workflow. */
export function save(id: number, link: number): SavedNode {
  return { id, type: 'PreviewAny', inputs: [{ name: 'source', type: '*', link }] };
}

/** A loader of a saved workflow. */
export function vae(id: number, name: unknown, rest: Partial<SavedNode> = {}): SavedNode {
  return { id, type: 'VAELoader', outputs: [{ type: 'VAE' }], widgets_values: [name], ...rest };
}

/** A workflow whose switch asks for `on.pt` and leaves `off.pt` out. */
export const switched = workflow(
  [
    vae(1, 'off.pt'),
    vae(2, 'on.pt'),
    {
      id: 3,
      type: 'ComfySwitchNode',
      inputs: [
        { name: 'on_false', type: '*', link: 1 },
        { name: 'on_true', type: '*', link: 2 },
        { name: 'switch', widget: { name: 'switch' } },
      ],
      outputs: [{ type: '*' }],
      widgets_values: [true],
    },
    save(4, 3),
  ],
  [
    [1, 1, 0, 3, 0, 'VAE'],
    [2, 2, 0, 3, 1, 'VAE'],
    [3, 3, 0, 4, 0, '*'],
  ],
);
