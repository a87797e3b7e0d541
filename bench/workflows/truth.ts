import { stockLoaders } from './stock-loaders.ts';

/** The ground truths of the benchmark. Nothing here uses the code under test. */

interface SavedNode {
  type: string;
  mode?: number;
  widgets_values?: unknown;
  properties?: { models?: { name: string; directory: string }[] };
}

interface SavedWorkflow {
  nodes: SavedNode[];
  definitions?: { subgraphs?: { id: string; nodes: SavedNode[] }[] };
}

export interface Saved {
  /** `folder/name` of every stock loader that is neither muted nor bypassed itself, executed or not. */
  loaders: Set<string>;
  /** `folder/name` of the `properties.models` of those nodes. */
  declared: Set<string>;
  /** Every model name in any of a node's values. */
  anywhere: Set<string>;
}

/** The models of a saved workflow alone: no links are followed, and no value is passed from a subgraph's node inwards. */
export function savedTruth(workflow: SavedWorkflow): Saved {
  const nodes = [workflow, ...(workflow.definitions?.subgraphs ?? [])].flatMap((graph) => graph.nodes);
  const truth: Saved = { loaders: new Set(), declared: new Set(), anywhere: new Set() };
  for (const node of nodes) {
    const values = Array.isArray(node.widgets_values) ? node.widgets_values : [];
    for (const value of values) if (typeof value === 'string') truth.anywhere.add(value);
    if (node.mode === 2 || node.mode === 4) continue;
    for (const { at, folder } of stockLoaders[node.type] ?? []) {
      if (typeof values[at] === 'string' && values[at] !== noFile) truth.loaders.add(`${folder}/${values[at]}`);
    }
    for (const { name, directory } of node.properties?.models ?? []) truth.declared.add(`${directory}/${name}`);
  }
  return truth;
}

/** ComfyUI's blueprints: one subgraph and nothing around it. */
export function isBlueprint(workflow: SavedWorkflow): boolean {
  const only = workflow.nodes.length === 1 ? workflow.nodes[0] : undefined;
  return only !== undefined && (workflow.definitions?.subgraphs ?? []).some(({ id }) => id === only.type);
}

type Prompt = Record<string, { class_type?: string; inputs: Record<string, unknown> }>;

/**
 * ComfyUI's own editor's result for a workflow (its API prompt), reduced to the executed nodes: from the output nodes back along
 * the links, with only the branch that a switch with a constant condition takes. `folder/name` of the stock loaders met.
 *
 * Nodes that ComfyUI did not have installed have no class in such a prompt: they count as outputs when nothing is linked to them.
 * In a blueprint, and in a prompt without an output, everything counts.
 */
export function promptTruth(
  prompt: Prompt,
  { isOutput, blueprint }: { isOutput: (classType: string) => boolean; blueprint: boolean },
): Set<string> {
  const ids = Object.keys(prompt);
  const taken = new Set(ids.flatMap((id) => linksOf(prompt, id)));
  const outputs = ids.filter((id) => {
    const type = prompt[id]?.class_type;
    return type === undefined ? !taken.has(id) : isOutput(type);
  });
  const stack = outputs.length > 0 && !blueprint ? outputs : ids.filter((id) => !taken.has(id));
  const executed = new Set<string>();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (executed.has(id) || !prompt[id]) continue;
    executed.add(id);
    stack.push(...linksOf(prompt, id, deadBranch(prompt, id)));
  }
  return new Set([...executed].flatMap((id) => loaded(prompt, id)));
}

function linksOf(prompt: Prompt, id: string, without?: string): string[] {
  return Object.entries(prompt[id]?.inputs ?? {}).flatMap(([name, value]) =>
    Array.isArray(value) && value.length === 2 && name !== without ? [String(value[0])] : [],
  );
}

function deadBranch(prompt: Prompt, id: string): string | undefined {
  const node = prompt[id];
  if (node?.class_type !== 'ComfySwitchNode') return undefined;
  const condition = node.inputs['switch'];
  const value = Array.isArray(condition) ? constant(prompt[String(condition[0])]) : condition;
  return value === true ? 'on_false' : value === false ? 'on_true' : undefined;
}

function constant(node: Prompt[string] | undefined): unknown {
  return node?.class_type === 'PrimitiveBoolean' ? node.inputs['value'] : undefined;
}

function loaded(prompt: Prompt, id: string): string[] {
  const node = prompt[id];
  if (!node || (node.class_type?.startsWith('LoraLoader') && isIdle(node.inputs))) return [];
  return (stockLoaders[node.class_type ?? ''] ?? []).flatMap(({ input, folder }) => {
    const value = node.inputs[input];
    return typeof value === 'string' && value !== noFile ? [`${folder}/${value}`] : [];
  });
}

/** VAELoader's choice for "decode without a VAE": there is no such file. */
const noFile = 'pixel_space';

/** A LoRA of strength 0 is never opened. */
function isIdle(inputs: Record<string, unknown>): boolean {
  return inputs['strength_model'] === 0 && (inputs['strength_clip'] ?? 0) === 0;
}
