import { dirname, join } from 'node:path';
import type { RootView } from '../../api/api.ts';

export type FoldedRoot = Pick<RootView, 'path' | 'kind' | 'kindFrom' | 'health' | 'why' | 'files'>;

/** Roots for people: neighbouring folders with the same state are joined in one line, as `models/*`. */
export function foldRoots(roots: readonly RootView[]): FoldedRoot[] {
  const folded = new Map<string, { parent: string; first: RootView; more: RootView[] }>();
  for (const root of roots) {
    const { kind, kindFrom, health, why } = root;
    const parent = dirname(root.path);
    const key = JSON.stringify([parent, kind, kindFrom, health, why]);
    const group = folded.get(key);
    if (group) group.more.push(root);
    else folded.set(key, { parent, first: root, more: [] });
  }
  return [...folded.values()].map(({ parent, first, more }) => {
    if (more.length === 0) return first;
    const known = [first, ...more].flatMap(({ files }) => files ?? []);
    const files = known.length > 0 ? known.reduce((sum, count) => sum + count, 0) : null;
    return { ...first, path: join(parent, '*'), files };
  });
}
