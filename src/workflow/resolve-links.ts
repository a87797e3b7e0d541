import { limits } from './limits.ts';
import { isPromoted, promotedValue } from './promoted-values.ts';
import { type Expansion, innerScope, type Scope } from './scope.ts';
import type { Link } from './types.ts';
import { inputSide, outputSide, type UiNode, type UiSlot } from './ui-workflow.ts';

/** The source of an input: the output of a node that ComfyUI executes, or a value set by the editor. */
export type Source = { link: Link } | { value: unknown };

/**
 * Follows a link to its source as the editor does when it makes a prompt: out of and into subgraphs, through reroutes and
 * bypassed nodes, from a GetNode to its SetNode. Undefined when it leads nowhere or to a muted node.
 */
export function resolveInput(scope: Scope, slot: UiSlot, expansion: Expansion): Source | undefined {
  return fromLink(scope, { link: slot.link, type: slot.type, expansion, hops: 0 });
}

interface Step {
  link: string | null;
  /** Type of the final input, which chooses the way through a bypassed node. */
  type: string;
  expansion: Expansion;
  hops: number;
}

function fromLink(scope: Scope, step: Step): Source | undefined {
  step.expansion.budget.spend();
  const link = step.link === null ? undefined : scope.graph.links.get(step.link);
  if (!link || step.hops > limits.hops) return undefined;
  if (link.origin === inputSide) return fromOutside(scope, link.originSlot, step);
  const node = scope.graph.nodes.get(link.origin);
  return node ? fromNode(scope, { ...step, node, slot: link.originSlot }) : undefined;
}

/** From inside a subgraph: the source of its node's input, or the value shown on its node. */
function fromOutside(scope: Scope, port: number, step: Step): Source | undefined {
  const { host, parent } = scope;
  const name = scope.graph.inputs[port]?.name;
  const slot = host?.inputs.find((input) => input.name === name);
  if (parent && slot && slot.link !== null) {
    return fromLink(parent, { link: slot.link, type: slot.type, expansion: step.expansion, hops: step.hops + 1 });
  }
  return isPromoted(scope, port) ? { value: promotedValue(scope, port, step.expansion) } : undefined;
}

interface NodeStep extends Step {
  node: UiNode;
  slot: number;
}

function fromNode(scope: Scope, step: NodeStep): Source | undefined {
  const { node, slot, expansion } = step;
  const hops = step.hops + 1;
  if (node.state === 'muted') return undefined;
  if (node.state === 'bypassed') {
    const through = wayThrough(node, slot, step.type);
    return through && fromLink(scope, { link: through.link, type: through.type, expansion, hops });
  }
  const inner = innerScope(node, scope, expansion);
  if (inner) {
    const id = inner.graph.outputs[slot]?.links.find((link) => inner.graph.links.get(link)?.target === outputSide);
    return fromLink(inner, { ...step, link: id ?? null, hops });
  }
  const virtual = Object.hasOwn(virtualNodes, node.type) ? virtualNodes[node.type] : undefined;
  return virtual ? virtual(scope, { ...step, hops }) : { link: [`${scope.path}${node.id}`, slot] };
}

/** Nodes that exist only in the editor, with the source of their output. ComfyUI never gets them. */
const virtualNodes: Record<string, (scope: Scope, step: NodeStep) => Source | undefined> = {
  Reroute: firstInput,
  'Reroute (rgthree)': firstInput,
  SetNode: firstInput,
  GetNode: (scope, step) => {
    step.expansion.budget.spend(scope.graph.nodes.size);
    const setter = setterOf(scope, step.node.values[0]);
    return setter && firstInput(setter.scope, { ...step, node: setter.node });
  },
  PrimitiveNode: (_, { node }) => (node.values.length > 0 ? { value: node.values[0] } : undefined),
  Note: () => undefined,
  MarkdownNote: () => undefined,
};

export function isVirtual(node: UiNode): boolean {
  return Object.hasOwn(virtualNodes, node.type);
}

function firstInput(scope: Scope, { node, type, expansion, hops }: NodeStep): Source | undefined {
  return fromLink(scope, { link: node.inputs[0]?.link ?? null, type, expansion, hops });
}

/** The SetNode of that name here or in an enclosing graph. */
function setterOf(scope: Scope | null, name: unknown): { scope: Scope; node: UiNode } | undefined {
  if (!scope) return undefined;
  const node = [...scope.graph.nodes.values()].find(({ type, values }) => type === 'SetNode' && values[0] === name);
  return node ? { scope, node } : setterOf(scope.parent, name);
}

/** A bypassed node passes on the input at the same position when its type fits, else the first input whose type fits. */
function wayThrough(node: UiNode, slot: number, type: string): UiSlot | undefined {
  const opposite = node.inputs[slot];
  if (isAny(type)) return opposite ?? node.inputs[0];
  const output = node.outputTypes[slot] ?? '*';
  const fits = (input: UiSlot) => fitting(input.type, output) && fitting(input.type, type);
  if (opposite && fits(opposite)) return opposite;
  return node.inputs.find((input) => input.type === type) ?? node.inputs.find(fits);
}

function fitting(one: string, other: string): boolean {
  if (isAny(one) || isAny(other)) return true;
  const types = new Set(one.toLowerCase().split(','));
  return other
    .toLowerCase()
    .split(',')
    .some((type) => types.has(type));
}

function isAny(type: string): boolean {
  return type === '*' || type === '' || type === '0';
}
