import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { vi } from 'vitest';
import type { Medium, Mode, SourceState } from '../../src/core/types.ts';
import type { Located, Sources } from '../../src/lookup/collaborators.ts';
import { fingerprintOf } from './files.ts';

const legacy: Record<string, string> = { clip: 'text_encoders', unet: 'diffusion_models' };

/** One root over a real folder. Tests set by hand what a registry of roots would know, and the mode. */
export function fakeSources(root: string, diskOf: (path: string) => string | null = () => null) {
  const state = {
    mode: 'read-write' as Mode,
    medium: 'hdd' as Medium,
    /** The files lie on a remote only, and programs know placeholders of them. */
    isRemote: false,
    /** Why the root does not answer, or null. */
    away: null as string | null,
    /** Other paths of a source: links and doubled names. */
    aliases: new Map<string, string>(),
  };
  const locate = (path: string): Located | null => {
    const canonical = state.aliases.get(path) ?? path;
    if (!canonical.startsWith(join(root, sep))) return null;
    const rel = canonical.slice(root.length + 1);
    const [category = null] = rel.split(sep);
    const current = category === null ? null : (legacy[category] ?? category);
    return { path: canonical, root, rel, category: current, medium: state.medium, ...(state.isRemote && { isRemote: true }) };
  };
  const candidates = (category: string, name: string): Located[] => {
    const now = legacy[category] ?? category;
    const folders = new Set([category, ...Object.keys(legacy).filter((old) => legacy[old] === now), now]);
    return [...folders].flatMap((folder) => locate(join(root, folder, name)) ?? []);
  };
  const stat = async ({ path }: Located): Promise<SourceState> => {
    if (state.away !== null) return { state: 'away', why: state.away };
    return existsSync(path) ? { state: 'present', fingerprint: fingerprintOf(path) } : { state: 'missing' };
  };
  const filesBeside = async (path: string) => {
    if (state.away !== null) throw new Error(state.away);
    const directory = dirname(path);
    const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
    return files.map(({ name }) => ({ path: join(directory, name), fingerprint: fingerprintOf(join(directory, name)) }));
  };
  const nameOf = (path: string) => {
    const located = locate(path);
    return located?.category ? { category: located.category, name: located.rel.split(sep).slice(1).join('/') } : null;
  };
  const mocked: Sources = { locate: vi.fn(locate), candidates: vi.fn(candidates), nameOf: vi.fn(nameOf), stat: vi.fn(stat) };
  return Object.assign(state, mocked, {
    filesBeside,
    head: async ({ path }: { path: string }, bytes: number) => new Uint8Array(readFileSync(path).subarray(0, bytes)),
    diskOf,
    mediumOf: async () => null,
    remoteOf: () => null,
    categories: () => ['loras'],
    withStem: async () => [],
    probe: async () => null,
    published: async () => null,
    check: async () => {},
  });
}
