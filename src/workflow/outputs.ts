import { asLink } from './literals.ts';
import type { NodeClasses } from './node-classes.ts';
import type { Graph, GraphNode } from './types.ts';

/** The nodes for which ComfyUI executes a graph. */
export interface Outputs {
  /** Executed. */
  valid: string[];
  /** Refused by ComfyUI, because something they need lacks a required input. */
  refused: string[];
}

/**
 * Output nodes by their class. A node of an unknown class counts if it is a target or feeds no other node. A blueprint, and any
 * graph without executable outputs (a part of a workflow, an unfinished one), counts as a whole.
 */
export function outputsOf(graph: Graph, classes: NodeClasses): Outputs {
  const nodes = [...graph.nodes.values()];
  const absent = graph.absent.map(({ node }) => node);
  const taken = new Set([...nodes, ...absent].flatMap(sourcesOf));
  const isOutput = ({ id, classType }: GraphNode) =>
    classes.isOutput(classType) ?? (!taken.has(id) || graph.targets?.has(id) === true);
  const outputs = nodes.filter(isOutput).map(({ id }) => id);
  if (outputs.length === 0 || graph.blueprint) return { valid: [...new Set([...outputs, ...ends(nodes)])], refused: [] };
  const wanted = outputs.filter((id) => graph.targets?.has(id) ?? true);
  const lacking = lackingNodes(graph, classes);
  const refused = wanted.filter((id) => lacking.has(id));
  if (refused.length === wanted.length) return { valid: wanted, refused: [] };
  return { valid: wanted.filter((id) => !lacking.has(id)), refused };
}

/** The nodes that feed no other. */
function ends(nodes: readonly GraphNode[]): string[] {
  const taken = new Set(nodes.flatMap(sourcesOf));
  return nodes.map(({ id }) => id).filter((id) => !taken.has(id));
}

/** Ids of the nodes that a node is linked to. */
export function sourcesOf(node: GraphNode | undefined): string[] {
  return [...(node?.inputs.values() ?? [])].flatMap((value) => asLink(value)?.[0] ?? []);
}

/** Nodes that lack a required input, and all nodes that need them. Known only with object_info. */
function lackingNodes(graph: Graph, classes: NodeClasses): Set<string> {
  const users = new Map<string, string[]>();
  for (const node of graph.nodes.values()) {
    for (const source of sourcesOf(node)) {
      const known = users.get(source);
      if (known) known.push(node.id);
      else users.set(source, [node.id]);
    }
  }
  const stack = [...graph.nodes.values()].filter((node) => lacksInput(node, graph, classes)).map(({ id }) => id);
  const lacking = new Set<string>();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (lacking.has(id)) continue;
    lacking.add(id);
    for (const user of users.get(id) ?? []) stack.push(user);
  }
  return lacking;
}

function lacksInput(node: GraphNode, graph: Graph, classes: NodeClasses): boolean {
  const sockets = classes.specs(node.classType)?.filter(({ kind, required }) => required && kind === 'socket') ?? [];
  return sockets.some(({ name }) => {
    const link = asLink(node.inputs.get(name));
    return link ? !graph.nodes.has(link[0]) : !node.inputs.has(name) && (node.unfed?.has(name) ?? true);
  });
}
