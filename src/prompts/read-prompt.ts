import { CacheError } from '../core/errors.ts';
import { parseExact } from '../memo/json-text.ts';
import { readPrompt } from '../workflow/api-prompt.ts';
import { isObject } from '../workflow/json.ts';
import { Budget } from '../workflow/limits.ts';
import { Literals } from '../workflow/literals.ts';
import { NodeClasses } from '../workflow/node-classes.ts';
import { outputsOf, sourcesOf } from '../workflow/outputs.ts';
import type { Graph, GraphNode } from '../workflow/types.ts';

/** An API prompt: the fields used here. */
export interface ReadPrompt {
  graph: Graph;
  classes: NodeClasses;
  literals: Literals;
  /** Nodes that ComfyUI would execute. */
  executed: readonly GraphNode[];
}

/**
 * @param text the prompt as written: its seeds have more digits than JavaScript's numbers
 * @param objectInfo ComfyUI's description of its nodes, if known
 * @throws CacheError BAD_REQUEST when it is no API prompt
 */
export function readPromptText(text: string, objectInfo: unknown): ReadPrompt {
  const prompt = parseExact(text);
  if (!isObject(prompt)) throw notOne();
  const graph = readPrompt(prompt, new Map(), new Budget());
  if (graph.nodes.size === 0) throw notOne();
  const classes = new NodeClasses(objectInfo);
  return { graph, classes, literals: new Literals(graph, classes), executed: executedIn(graph, classes) };
}

/** Output nodes, and all that feed them. */
function executedIn(graph: Graph, classes: NodeClasses): GraphNode[] {
  const { valid, refused } = outputsOf(graph, classes);
  const stack = [...valid, ...refused];
  const executed = new Map<string, GraphNode>();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    const node = graph.nodes.get(id);
    if (!node || executed.has(id)) continue;
    executed.set(id, node);
    stack.push(...sourcesOf(node));
  }
  return [...executed.values()];
}

function notOne(): CacheError {
  return new CacheError('BAD_REQUEST', 'this is no API prompt', {
    hint: 'In ComfyUI: Export (API). A workflow of the editor has to become one there first.',
  });
}
