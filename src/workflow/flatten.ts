import { limits, unreadable } from './limits.ts';
import { proxiedValue } from './promoted-values.ts';
import { isVirtual, resolveInput } from './resolve-links.ts';
import { type Expansion, innerScope, rootScope, type Scope } from './scope.ts';
import type { Graph, GraphNode } from './types.ts';
import type { UiNode, UiWorkflow } from './ui-workflow.ts';

/**
 * The prompt that the editor would make of a workflow: subgraphs expanded, editor-only nodes resolved, muted and bypassed nodes
 * left out. Written after the behaviour of ComfyUI's frontend 1.49.
 *
 * @throws CacheError BAD_REQUEST when subgraphs expand beyond all bounds
 */
export function flatten(expansion: Expansion): Graph {
  const active: GraphNode[] = [];
  const absent: Graph['absent'] = [];
  for (const { scope, node, why } of walk(rootScope(expansion), null, expansion)) {
    if (active.length + absent.length >= limits.nodes) throw unreadable(`the workflow has more than ${limits.nodes} nodes`);
    const executable = toGraphNode(scope, node, expansion);
    if (why === null) active.push(executable);
    else absent.push({ node: executable, why });
  }
  const nodes = new Map(inPromptOrder(active).map((node) => [node.id, node]));
  return { nodes, absent, blueprint: isBlueprint(expansion.workflow), targets: null, cached: new Set(), kept: new Set() };
}

/** ComfyUI's blueprints are workflows that consist of one subgraph. */
function isBlueprint({ root, subgraphs }: UiWorkflow): boolean {
  const [only] = root.nodes.values();
  return root.nodes.size === 1 && only !== undefined && subgraphs.has(only.type);
}

interface Found {
  scope: Scope;
  node: UiNode;
  /** Why ComfyUI does not get the node; null when it does. */
  why: string | null;
}

function* walk(scope: Scope, why: string | null, expansion: Expansion): Generator<Found> {
  for (const node of scope.graph.nodes.values()) {
    expansion.budget.spend();
    const nodeWhy = why ?? (node.state === 'active' ? null : node.state);
    const inner = innerScope(node, scope, expansion);
    if (inner) yield* walk(inner, nodeWhy, expansion);
    else if (!isVirtual(node)) yield { scope, node, why: nodeWhy };
  }
}

function toGraphNode(scope: Scope, node: UiNode, expansion: Expansion): GraphNode {
  const inputs = new Map(expansion.valuesOf(node));
  const unfed = new Set<string>();
  const proxies = scope.host?.proxies ?? [];
  expansion.budget.spend(inputs.size + node.inputs.length + proxies.length);
  for (const [, widget] of proxies.filter(([target]) => target === node.id)) {
    const value = proxiedValue(scope, node.id, widget);
    if (value !== undefined) inputs.set(widget, value);
  }
  for (const slot of node.inputs) {
    const source = resolveInput(scope, slot, expansion);
    if (source) inputs.set(slot.name, 'link' in source ? [...source.link] : source.value);
    else if (!slot.widget && !expansion.workflow.hasUnsavedLinks) unfed.add(slot.name);
  }
  return { id: `${scope.path}${node.id}`, classType: node.type, inputs, unfed, declared: node.declared };
}

/** A prompt is a JavaScript object: whole numbers come first, ascending, then the rest as it was put in. */
function inPromptOrder(nodes: readonly GraphNode[]): GraphNode[] {
  const isWhole = ({ id }: GraphNode) => /^(0|[1-9]\d{0,8})$/.test(id);
  return [
    ...nodes.filter(isWhole).sort((one, other) => Number(one.id) - Number(other.id)),
    ...nodes.filter((node) => !isWhole(node)),
  ];
}
