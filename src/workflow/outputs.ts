import { asLink } from './literals.ts';
import type { NodeClasses } from './node-classes.ts';
import type { Graph, GraphNode } from './types.ts';

/** The nodes for whose sake ComfyUI executes a graph. */
export interface Outputs {
  /** Executed. */
  valid: string[];
  /** Refused by ComfyUI, because something they need lacks a required input. */
  refused: string[];
}

/**
 * Output nodes by their class. A node of a class that nothing is known of counts when no other node takes anything from it. A
 * graph without any output (a blueprint, a part of a workflow) is taken as meant to be used whole.
 */
export function outputsOf(graph: Graph, classes: NodeClasses): Outputs {
  const all = [...graph.nodes.values(), ...graph.absent.map(({ node }) => node)];
  const taken = new Set(all.flatMap(sourcesOf));
  const ids = [...graph.nodes.keys()];
  const outputs = [...graph.nodes.values()].filter(({ id, classType }) => classes.isOutput(classType) ?? !taken.has(id));
  if (outputs.length === 0) return { valid: ids.filter((id) => !taken.has(id)), refused: [] };
  const wanted = outputs.map(({ id }) => id).filter((id) => graph.targets?.has(id) ?? true);
  const lacking = lackingNodes(graph, classes);
  return { valid: wanted.filter((id) => !lacking.has(id)), refused: wanted.filter((id) => lacking.has(id)) };
}

/** Ids of the nodes that a node is linked to. */
export function sourcesOf(node: GraphNode): string[] {
  return [...node.inputs.values()].flatMap((value) => asLink(value)?.[0] ?? []);
}

/** Nodes that lack a required input, and all that needs them. Known only with object_info. */
function lackingNodes(graph: Graph, classes: NodeClasses): Set<string> {
  const users = new Map<string, string[]>();
  for (const node of graph.nodes.values()) {
    for (const source of sourcesOf(node)) users.set(source, [...(users.get(source) ?? []), node.id]);
  }
  const stack = [...graph.nodes.values()].filter((node) => lacksInput(node, graph, classes)).map(({ id }) => id);
  const lacking = new Set<string>();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (lacking.has(id)) continue;
    lacking.add(id);
    stack.push(...(users.get(id) ?? []));
  }
  return lacking;
}

function lacksInput(node: GraphNode, graph: Graph, classes: NodeClasses): boolean {
  const sockets = classes.specs(node.classType)?.filter(({ kind, required }) => required && kind === 'socket') ?? [];
  return sockets.some(({ name }) => {
    const link = asLink(node.inputs.get(name));
    return !node.inputs.has(name) || (link !== null && !graph.nodes.has(link[0]));
  });
}
