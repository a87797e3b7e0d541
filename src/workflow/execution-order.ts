import type { Dependencies } from './dependencies.ts';

/**
 * The order in which ComfyUI executes nodes: inputs before the nodes that need them and, among the nodes that are ready, outputs
 * first, then nodes one step and two steps before an output, then the one met first. Lazy inputs join when the node that may want
 * them is reached. Written after the behaviour of `ExecutionList` in ComfyUI's comfy_execution/graph.py.
 *
 * ComfyUI takes outputs in no fixed order; here it is the given one. Nodes that no output needs, and nodes in a cycle, are absent
 * from the answer.
 */
export function executionOrder(outputs: readonly string[], dependencies: Dependencies): string[] {
  const list = new Pending(dependencies, new Set(outputs));
  for (const output of outputs) list.add(output);
  const order: string[] = [];
  for (let next = list.pick(); next !== null; next = list.pick()) {
    if (list.addLazyInputs(next)) continue;
    list.done(next);
    order.push(next);
  }
  return order;
}

class Pending {
  #dependencies: Dependencies;
  #outputs: ReadonlySet<string>;
  /** Nodes in the order met. */
  #met = new Map<string, PendingNode>();
  #ready = new Set<PendingNode>();
  #askedLazily = new Set<string>();

  constructor(dependencies: Dependencies, outputs: ReadonlySet<string>) {
    this.#dependencies = dependencies;
    this.#outputs = outputs;
  }

  /** Adds a node and all that it strictly needs; the last input is followed first. */
  add(id: string): void {
    const stack = [id];
    const links: [from: string, to: string][] = [];
    for (let to = stack.pop(); to !== undefined; to = stack.pop()) {
      if (this.#met.has(to)) continue;
      const node: PendingNode = { id: to, place: this.#met.size, done: false, waitsFor: 0, wantedBy: new Set(), rank: null };
      this.#met.set(to, node);
      this.#ready.add(node);
      for (const { node: from, lazy } of this.#dependencies.get(to) ?? []) {
        if (lazy) continue;
        stack.push(from);
        links.push([from, to]);
      }
    }
    for (const [from, to] of links) this.#link(from, to);
  }

  /** True when the node has pending lazy inputs, for which it then waits. */
  addLazyInputs(id: string): boolean {
    if (this.#askedLazily.has(id)) return false;
    this.#askedLazily.add(id);
    const lazy = this.#dependencies.get(id)?.filter((dependency) => dependency.lazy) ?? [];
    for (const { node } of lazy) {
      this.add(node);
      this.#link(node, id);
    }
    if (lazy.length > 0) for (const node of this.#met.values()) node.rank = null;
    return (this.#met.get(id)?.waitsFor ?? 0) > 0;
  }

  pick(): string | null {
    let best: PendingNode | null = null;
    for (const node of this.#ready) {
      if (best === null || this.#rank(node) < this.#rank(best) || (node.rank === best.rank && node.place < best.place))
        best = node;
    }
    return best?.id ?? null;
  }

  done(id: string): void {
    const node = this.#met.get(id);
    if (!node) return;
    node.done = true;
    this.#ready.delete(node);
    for (const waiting of node.wantedBy) {
      waiting.waitsFor -= 1;
      if (waiting.waitsFor === 0) this.#ready.add(waiting);
    }
  }

  #link(from: string, to: string): void {
    const [source, target] = [this.#met.get(from), this.#met.get(to)];
    if (!source || !target || source.done || source.wantedBy.has(target)) return;
    source.wantedBy.add(target);
    target.waitsFor += 1;
    this.#ready.delete(target);
  }

  /** Steps to the nearest output, at most 3. */
  #rank(node: PendingNode): number {
    node.rank ??= this.#outputs.has(node.id)
      ? 0
      : this.#feedsOutput(node)
        ? 1
        : [...node.wantedBy].some((next) => this.#feedsOutput(next))
          ? 2
          : 3;
    return node.rank;
  }

  #feedsOutput(node: PendingNode): boolean {
    for (const next of node.wantedBy) if (this.#outputs.has(next.id)) return true;
    return false;
  }
}

interface PendingNode {
  id: string;
  /** Number of nodes met before it. */
  place: number;
  done: boolean;
  waitsFor: number;
  wantedBy: Set<PendingNode>;
  rank: number | null;
}
