import { currentCategory } from '../comfyui/categories.ts';
import { idOf, isObject, type JsonObject, listOf, textOf } from './json.ts';
import type { Budget } from './limits.ts';
import type { DeclaredModel } from './types.ts';

/** A workflow saved by the editor, read into maps. Like the editor, it leaves out malformed parts. */
export interface UiWorkflow {
  root: UiGraph;
  /** By id, which is the type of the subgraph's nodes. */
  subgraphs: ReadonlyMap<string, UiGraph>;
  /** Whether it has nodes that send their input everywhere (cg-use-everywhere), whose links are not saved. */
  hasUnsavedLinks: boolean;
}

/** The root graph, or the definition of a subgraph. */
export interface UiGraph {
  nodes: ReadonlyMap<string, UiNode>;
  /** The input at the end of each link. */
  inputOf: ReadonlyMap<string, { node: UiNode; slot: UiSlot }>;
  links: ReadonlyMap<string, UiLink>;
  /** A subgraph's own inputs and outputs, in order; links lead from `inputSide` and to `outputSide`. */
  inputs: readonly UiPort[];
  outputs: readonly UiPort[];
}

interface UiPort {
  name: string;
  links: readonly string[];
}

export const inputSide = '-10';
export const outputSide = '-20';

export interface UiNode {
  id: string;
  type: string;
  state: 'active' | 'muted' | 'bypassed';
  inputs: readonly UiSlot[];
  outputTypes: readonly string[];
  /** `widgets_values` in either of its forms. */
  values: readonly unknown[];
  namedValues: JsonObject | null;
  /** For a subgraph's node in the older format: the inner widget (`[node, widget]`) of each of its values. */
  proxies: readonly (readonly [node: string, widget: string])[] | null;
  /** For a subgraph's node: values by input name that the editor could not place. */
  setAside: ReadonlyMap<string, unknown>;
  declared: readonly DeclaredModel[];
}

export interface UiSlot {
  name: string;
  type: string;
  link: string | null;
  /** Whether the slot represents a widget: without a link it has the widget's value. */
  widget: boolean;
}

interface UiLink {
  origin: string;
  originSlot: number;
  target: string;
  targetSlot: number;
}

export function readWorkflow(workflow: JsonObject, budget: Budget): UiWorkflow {
  const definitions = isObject(workflow['definitions']) ? workflow['definitions']['subgraphs'] : null;
  const subgraphs = listOf(definitions).flatMap((definition) => {
    const id = isObject(definition) ? idOf(definition['id']) : null;
    return isObject(definition) && id !== null ? [[id, readGraph(definition, budget)] as const] : [];
  });
  const root = readGraph(workflow, budget);
  const all = [root, ...subgraphs.map(([, graph]) => graph)].flatMap((graph) => [...graph.nodes.values()]);
  return { root, subgraphs: new Map(subgraphs), hasUnsavedLinks: all.some(({ type }) => /everywhere/i.test(type)) };
}

function readGraph(graph: JsonObject, budget: Budget): UiGraph {
  const nodes = listOf(graph['nodes']).flatMap((node) => readNode(node, budget) ?? []);
  const links = listOf(graph['links']).flatMap((link) => readLink(link, budget));
  return {
    nodes: new Map(nodes.map((node) => [node.id, node])),
    inputOf: new Map(
      nodes.flatMap((node) => node.inputs.flatMap((slot) => (slot.link === null ? [] : [[slot.link, { node, slot }]]))),
    ),
    links: new Map(links),
    inputs: listOf(graph['inputs']).map(readPort),
    outputs: listOf(graph['outputs']).map(readPort),
  };
}

function readNode(node: unknown, budget: Budget): UiNode | null {
  budget.spend();
  if (!isObject(node)) return null;
  const id = idOf(node['id']);
  if (id === null || typeof node['type'] !== 'string') return null;
  const properties = isObject(node['properties']) ? node['properties'] : {};
  const values = node['widgets_values'];
  const named = [node['widgets_values_named'], values].find(isObject);
  budget.spend(listOf(values).length + listOf(node['inputs']).length);
  return {
    id,
    type: node['type'],
    state: node['mode'] === 2 ? 'muted' : node['mode'] === 4 ? 'bypassed' : 'active',
    inputs: listOf(node['inputs']).map(readSlot),
    outputTypes: listOf(node['outputs']).map((output) => (isObject(output) ? textOf(output['type']) : '*')),
    values: listOf(values),
    namedValues: named ?? null,
    proxies: Array.isArray(properties['proxyWidgets']) ? properties['proxyWidgets'].map(readPair) : null,
    setAside: readSetAside(properties['proxyWidgetErrorQuarantine']),
    declared: listOf(properties['models']).flatMap((model) => readDeclared(model) ?? []),
  };
}

function readSlot(slot: unknown): UiSlot {
  if (!isObject(slot)) return { name: '', type: '*', link: null, widget: false };
  return { name: textOf(slot['name']), type: textOf(slot['type']), link: idOf(slot['link']), widget: isObject(slot['widget']) };
}

function readPort(port: unknown): UiPort {
  if (!isObject(port)) return { name: '', links: [] };
  return { name: textOf(port['name']), links: listOf(port['linkIds']).map(textOf) };
}

/** `[id, origin, slot, target, slot, type]`, or an object in newer formats and in subgraphs. */
function readLink(link: unknown, budget: Budget): [string, UiLink][] {
  budget.spend();
  const [id, origin, originSlot, target, targetSlot] = isObject(link)
    ? [link['id'], link['origin_id'], link['origin_slot'], link['target_id'], link['target_slot']]
    : listOf(link);
  if ([id, origin, target].some((end) => idOf(end) === null)) return [];
  return [
    [
      textOf(id),
      { origin: textOf(origin), originSlot: slotOf(originSlot), target: textOf(target), targetSlot: slotOf(targetSlot) },
    ],
  ];
}

/** Older files have slot numbers as text. */
function slotOf(value: unknown): number {
  const slot = Number(idOf(value) ?? Number.NaN);
  return Number.isInteger(slot) ? slot : -1;
}

function readPair(pair: unknown): [string, string] {
  const [node, widget] = listOf(pair);
  return [textOf(node), textOf(widget)];
}

function readSetAside(entries: unknown): Map<string, unknown> {
  const values = listOf(entries).flatMap((entry) => {
    if (!isObject(entry) || entry['hostValue'] === undefined) return [];
    const [node, name] = readPair(entry['originalEntry']);
    return node === '-1' ? [[name, entry['hostValue']] as const] : [];
  });
  return new Map(values);
}

function readDeclared(model: unknown): DeclaredModel | null {
  if (!isObject(model) || typeof model['name'] !== 'string' || typeof model['directory'] !== 'string') return null;
  return { name: model['name'], category: currentCategory(model['directory']) };
}
