import { isObject, type JsonObject } from './json.ts';
import { type Budget, limits, unreadable } from './limits.ts';
import type { DeclaredModel, Graph, GraphNode } from './types.ts';

/**
 * Reads an API prompt. `declared` holds the models that the workflow beside it declares for its nodes.
 *
 * @throws CacheError BAD_REQUEST when it has too many nodes
 */
export function readPrompt(prompt: JsonObject, declared: ReadonlyMap<string, readonly DeclaredModel[]>, budget: Budget): Graph {
  const nodes = new Map<string, GraphNode>();
  for (const [id, node] of Object.entries(prompt)) {
    if (!isObject(node) || typeof node['class_type'] !== 'string') continue;
    const inputs = isObject(node['inputs']) ? Object.entries(node['inputs']) : [];
    budget.spend(1 + inputs.length);
    nodes.set(id, {
      id,
      classType: node['class_type'],
      inputs: new Map(inputs),
      unfed: null,
      declared: declared.get(id) ?? [],
    });
  }
  if (nodes.size > limits.nodes) throw unreadable(`the prompt has more than ${limits.nodes} nodes`);
  return { nodes, absent: [], blueprint: false, targets: null, cached: new Set(), kept: new Set() };
}
