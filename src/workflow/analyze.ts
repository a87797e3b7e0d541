import { readPrompt } from './api-prompt.ts';
import { dependenciesOf } from './dependencies.ts';
import { executionOrder } from './execution-order.ts';
import { flatten } from './flatten.ts';
import type { JsonObject } from './json.ts';
import { Budget } from './limits.ts';
import { Literals } from './literals.ts';
import { NodeClasses } from './node-classes.ts';
import { nodeModels, type Reader } from './node-models.ts';
import { notExecuted, outputKept, switchedOff } from './not-executed.ts';
import { outputsOf } from './outputs.ts';
import { type Document, readDocument } from './read-document.ts';
import { Expansion } from './scope.ts';
import type { Analysis, AnalyzeOptions, DeclaredModel, Graph, GraphNode, ModelUse, SkippedNode } from './types.ts';
import { readWorkflow } from './ui-workflow.ts';

/**
 * The model files that ComfyUI will load for a document, in load order. The document is an API prompt (bare or as the body of
 * `POST /prompt`), a workflow of the editor, a JSON text of either, or the bytes of a PNG or WebP image that carries one. Where
 * a document has both, the prompt counts.
 *
 * A workflow of the editor is not yet run. Models left out by a switch in it come last: ComfyUI wants their files too, and the
 * switch may be turned. A prompt is run unchanged. Models needed only by nodes with kept outputs come last too.
 *
 * @throws CacheError BAD_REQUEST when the document cannot be read
 */
export function analyze(document: unknown, options: AnalyzeOptions = {}): Analysis {
  const budget = new Budget();
  const classes = new NodeClasses(options.objectInfo);
  const found = readDocument(document);
  const graph = toGraph(found, classes, budget);
  const reader: Reader = { classes, literals: new Literals(graph, classes), options, budget };
  const outputs = outputsOf(graph, classes);
  const dependencies = dependenciesOf(graph, classes, reader.literals);
  const order = executionOrder(outputs.valid, dependencies).filter((id) => !graph.cached.has(id) && !graph.kept.has(id));
  const executed = order.flatMap((id) => graph.nodes.get(id) ?? []).map((node) => ({ node, ...nodeModels(node, reader) }));
  const others = notExecuted(graph, { outputs, dependencies, executed: new Set(order) });
  const maybe = found.prompt ? [] : others.filter(({ why }) => why === switchedOff);
  const spared = others.filter(({ why }) => why === outputKept);
  return {
    kind: found.prompt ? 'prompt' : 'workflow',
    models: eachOnce([
      ...executed.flatMap(({ uses }) => uses),
      ...maybe.flatMap(({ node }) => nodeModels(node, reader).uses.map((use) => ({ ...use, switchedOff: true as const }))),
      ...spared.flatMap(({ node }) => nodeModels(node, reader).uses.map((use) => ({ ...use, notNeeded: true as const }))),
    ]),
    skipped: [
      ...executed.flatMap(({ node, unused }) => unused.map((why) => ({ node: node.id, why }))),
      ...others
        .filter((other) => !maybe.includes(other) && !spared.includes(other))
        .flatMap(({ node, why }) => withModels(node, why, reader)),
    ],
    unresolved: executed.flatMap(({ unresolved }) => unresolved),
  };
}

function toGraph({ prompt, workflow, ...which }: Document, classes: NodeClasses, budget: Budget): Graph {
  if (!prompt) return { ...fromWorkflow(workflow ?? {}, classes, budget), ...which };
  const declared = workflow ? declaredModels(workflow, classes) : new Map();
  return { ...readPrompt(prompt, declared, budget), ...which };
}

function fromWorkflow(workflow: JsonObject, classes: NodeClasses, budget: Budget): Graph {
  return flatten(new Expansion(readWorkflow(workflow, budget), classes, budget));
}

/** The workflow beside a prompt is only a hint: when it is damaged the prompt still stands. */
function declaredModels(workflow: JsonObject, classes: NodeClasses): Map<string, readonly DeclaredModel[]> {
  try {
    const { nodes } = fromWorkflow(workflow, classes, new Budget());
    return new Map([...nodes].map(([id, node]) => [id, node.declared]));
  } catch {
    return new Map();
  }
}

/** Of the nodes that are not executed, only those that would load a model are reported. */
function withModels(node: GraphNode, why: string, reader: Reader): SkippedNode[] {
  return nodeModels(node, reader).uses.map(({ name }) => ({ node: node.id, why: `${name}: ${why}` }));
}

function eachOnce(uses: readonly ModelUse[]): ModelUse[] {
  const byFile = new Map<string, ModelUse>();
  for (const use of uses) {
    const file = use.path ?? `${use.category}\0${use.name}`;
    if (!byFile.has(file)) byFile.set(file, use);
  }
  return [...byFile.values()];
}
