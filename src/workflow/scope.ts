import { type Budget, limits, unreadable } from './limits.ts';
import type { NodeClasses } from './node-classes.ts';
import type { UiGraph, UiNode, UiWorkflow } from './ui-workflow.ts';
import { widgetValues } from './widget-values.ts';

/** Shared by all scopes of one workflow's expansion. */
export class Expansion {
  readonly workflow: UiWorkflow;
  readonly budget: Budget;
  #classes: NodeClasses;
  #values = new Map<UiNode, ReadonlyMap<string, unknown>>();

  constructor(workflow: UiWorkflow, classes: NodeClasses, budget: Budget) {
    this.workflow = workflow;
    this.#classes = classes;
    this.budget = budget;
  }

  /** The node's own widget values by input name. */
  valuesOf(node: UiNode): ReadonlyMap<string, unknown> {
    const values = this.#values.get(node) ?? widgetValues(node, this.#classes);
    this.#values.set(node, values);
    return values;
  }
}

/** One instance of a graph: the root, or a subgraph that replaces its node. */
export interface Scope {
  graph: UiGraph;
  /** Ids of the enclosing nodes, each followed by a colon. */
  path: string;
  /** The node that contains this graph; null for the root. */
  host: UiNode | null;
  parent: Scope | null;
  depth: number;
}

export function rootScope({ workflow }: Expansion): Scope {
  return { graph: workflow.root, path: '', host: null, parent: null, depth: 0 };
}

/**
 * The inside of a subgraph's node; null for any other node.
 *
 * @throws CacheError BAD_REQUEST when a subgraph contains itself
 */
export function innerScope(host: UiNode, parent: Scope, { workflow }: Expansion): Scope | null {
  const graph = workflow.subgraphs.get(host.type);
  if (!graph) return null;
  if (parent.depth >= limits.subgraphDepth) throw unreadable('subgraphs are nested too deeply: one may contain itself');
  return { graph, path: `${parent.path}${host.id}:`, host, parent, depth: parent.depth + 1 };
}
