import { limits } from './limits.ts';
import type { NodeClasses } from './node-classes.ts';
import type { Graph, GraphNode, Link } from './types.ts';

/** The link that an input holds, null when it holds a literal. ComfyUI calls `[text, number]` a link and nothing else. */
export function asLink(value: unknown): Link | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [node, slot] = value;
  return (typeof node === 'string' || typeof node === 'number') && typeof slot === 'number' ? [String(node), slot] : null;
}

/** Values known before execution: literals, and the outputs of nodes that only hold or choose a value. */
export class Literals {
  #graph: Graph;
  #classes: NodeClasses;
  #chosen = new Map<GraphNode, string | null>();
  #depth = 0;

  constructor(graph: Graph, classes: NodeClasses) {
    this.#graph = graph;
    this.#classes = classes;
  }

  /** The literal that an input will have: its own or one that it is linked to. Undefined when a node computes it. */
  of(value: unknown): unknown {
    let current = value;
    for (let hops = 0; hops < limits.hops; hops += 1) {
      const link = asLink(current);
      if (!link) return current;
      const node = this.#graph.nodes.get(link[0]);
      current = node && this.#handedOn(node);
    }
    return undefined;
  }

  /**
   * The input that a switch node will evaluate: the other one, and nodes needed only by it, are not executed. Null for a node that
   * is no switch, and for a computed condition.
   */
  chosenInput(node: GraphNode): string | null {
    const known = this.#chosen.get(node);
    if (known !== undefined || this.#depth > limits.hops) return known ?? null;
    // A switch that depends on itself finds this null instead of recursing.
    this.#chosen.set(node, null);
    this.#depth += 1;
    const chosen = this.#choose(node);
    this.#depth -= 1;
    this.#chosen.set(node, chosen);
    return chosen;
  }

  #choose(node: GraphNode): string | null {
    const choice = this.#classes.switchOf(node.classType);
    if (!choice) return null;
    const { on, whenTrue, whenFalse } = choice;
    if (!node.inputs.has(whenTrue)) return whenFalse;
    if (!node.inputs.has(whenFalse)) return whenTrue;
    const condition = this.of(node.inputs.get(on));
    if (typeof condition !== 'boolean' && typeof condition !== 'number') return null;
    return condition ? whenTrue : whenFalse;
  }

  #handedOn(node: GraphNode): unknown {
    const constant = this.#classes.constantOf(node.classType);
    if (constant !== null) return node.inputs.get(constant);
    if (this.#classes.isCore(node.classType)) return node.inputs.get(this.chosenInput(node) ?? '');
    return onlyText(node);
  }
}

/** The text of a node that only holds or passes on a text, recognised by its class name. */
function onlyText(node: GraphNode): unknown {
  if (!/string|text|primitive|constant|literal|selector|reroute|combo/i.test(node.classType)) return undefined;
  const values = [...node.inputs.values()].filter((value) => typeof value === 'string' || asLink(value));
  return values.length === 1 ? values[0] : undefined;
}
