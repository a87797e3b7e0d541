import { hash } from 'node:crypto';
import { canonical } from '../memo/canonical.ts';
import { asLink } from '../workflow/literals.ts';
import type { Graph, GraphNode } from '../workflow/types.ts';

/** Inputs that name saved files and do not change their contents. */
const aside = new Set(['filename_prefix']);

/** A prompt without the ids of its nodes: two that compute the same have the same structure. */
export interface Structure {
  /** By id: a hash of the node and all its ancestors; equal nodes are numbered. */
  names: ReadonlyMap<string, string>;
  /** Of all nodes, as JSON. */
  text: string;
}

/** @returns null when links form a cycle @throws CacheError BAD_REQUEST for inputs that are nested too deep */
export function structureOf({ nodes }: Pick<Graph, 'nodes'>): Structure | null {
  const hashes = new Map<string, string>();
  for (const id of nodes.keys()) if (!addHash(id, nodes, hashes)) return null;
  const counts = new Map<string, number>();
  const names = new Map<string, string>();
  for (const id of nodes.keys()) {
    const own = hashes.get(id) ?? '';
    const number = counts.get(own) ?? 0;
    counts.set(own, number + 1);
    names.set(id, `${own}#${number}`);
  }
  return { names, text: canonical([...names.values()].sort()) };
}

/** Hashes a node after its ancestors, without recursion, because chains of nodes may be thousands long. */
function addHash(first: string, nodes: Graph['nodes'], hashes: Map<string, string>): boolean {
  const stack = [first];
  const open = new Set<string>();
  for (let id = stack.at(-1); id !== undefined; id = stack.at(-1)) {
    const node = nodes.get(id);
    if (!node || hashes.has(id)) {
      stack.pop();
      continue;
    }
    const lacking = sourcesOf(node).filter((source) => nodes.has(source) && !hashes.has(source));
    if (lacking.some((source) => open.has(source))) return false;
    if (lacking.length === 0) {
      hashes.set(id, hashOf(node, hashes));
      open.delete(id);
      stack.pop();
    } else {
      open.add(id);
      stack.push(...lacking);
    }
  }
  return true;
}

function sourcesOf({ inputs }: GraphNode): string[] {
  return [...inputs].flatMap(([name, value]) => (aside.has(name) ? [] : (asLink(value)?.[0] ?? [])));
}

function hashOf({ classType, inputs }: GraphNode, hashes: ReadonlyMap<string, string>): string {
  const fields = [...inputs].flatMap(([name, value]) => {
    if (aside.has(name)) return [];
    const link = asLink(value);
    const source = link && hashes.get(link[0]);
    // A link is told apart from any literal.
    return [[name, link && source !== undefined ? { link: [source, link[1]] } : { literal: value }]];
  });
  return hash('sha256', canonical([classType, Object.fromEntries(fields)]));
}
