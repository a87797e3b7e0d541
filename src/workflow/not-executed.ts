import type { Dependencies } from './dependencies.ts';
import { type Outputs, sourcesOf } from './outputs.ts';
import type { Graph, GraphNode } from './types.ts';

/** For a node that a switch in its present position does not need. */
export const switchedOff = 'a switch leaves it out';
/** For a node that is needed only for outputs kept from an earlier run. */
export const outputKept = 'what comes of it is kept from an earlier run';

interface Execution {
  outputs: Outputs;
  dependencies: Dependencies;
  executed: ReadonlySet<string>;
}

/** The nodes that ComfyUI will not execute, with the reason. */
export function notExecuted(graph: Graph, { outputs, dependencies, executed }: Execution): Graph['absent'] {
  const linked = (id: string) => sourcesOf(graph.nodes.get(id));
  const circling = reach(outputs.valid, (id) => dependencies.get(id)?.map(({ node }) => node) ?? []);
  const cached = reach([...graph.cached], linked);
  const kept = reach([...graph.kept], linked);
  const leftOut = reach(outputs.valid, linked);
  const refused = reach(outputs.refused, linked);
  const reason = ({ id }: GraphNode) => {
    if (circling.has(id)) return 'its links go round in a circle';
    if (cached.has(id)) return 'ComfyUI has cached what comes of it';
    if (kept.has(id)) return outputKept;
    if (leftOut.has(id)) return switchedOff;
    return refused.has(id) ? 'ComfyUI refuses its output: a required input is not connected' : 'no output needs it';
  };
  const rest = [...graph.nodes.values()].filter(({ id }) => !executed.has(id));
  return [...rest.map((node) => ({ node, why: reason(node) })), ...graph.absent];
}

/** The given nodes and all their sources. */
function reach(from: readonly string[], sources: (id: string) => readonly string[]): Set<string> {
  const reached = new Set<string>();
  const stack = [...from];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (reached.has(id)) continue;
    reached.add(id);
    for (const source of sources(id)) stack.push(source);
  }
  return reached;
}
