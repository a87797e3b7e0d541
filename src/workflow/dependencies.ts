import { asLink, type Literals } from './literals.ts';
import type { NodeClasses } from './node-classes.ts';
import type { Graph, GraphNode } from './types.ts';

/** A node that feeds an input of another one. */
interface Dependency {
  node: string;
  /** Whether it is executed only when the other node asks for it, after that node's other inputs. */
  lazy: boolean;
}

export type Dependencies = ReadonlyMap<string, readonly Dependency[]>;

/** The dependencies of each node, without those that are cached or kept and without branches that a switch with a known condition skips. */
export function dependenciesOf(graph: Graph, classes: NodeClasses, literals: Literals): Dependencies {
  return new Map([...graph.nodes].map(([id, node]) => [id, ofNode(node, { graph, classes, literals })]));
}

function ofNode(node: GraphNode, all: { graph: Graph; classes: NodeClasses; literals: Literals }): Dependency[] {
  const { graph, classes, literals } = all;
  const choice = classes.switchOf(node.classType);
  const chosen = literals.chosenInput(node);
  return [...node.inputs].flatMap(([input, value]) => {
    const link = asLink(value);
    if (!link || !graph.nodes.has(link[0]) || graph.cached.has(link[0]) || graph.kept.has(link[0])) return [];
    const branch = choice !== null && (input === choice.whenTrue || input === choice.whenFalse);
    if (branch && chosen !== null && input !== chosen) return [];
    return [{ node: link[0], lazy: branch || classes.spec(node, input)?.lazy === true }];
  });
}
