import type { RootView } from '../../api/api.ts';
import { troubleOf } from '../../core/errors.ts';
import type { Medium } from '../../core/types.ts';
import { detectMedium, type MediumFacts } from '../../media/medium.ts';
import { Roots } from '../../roots/registry.ts';
import { SourceClient } from '../../sources/client.ts';
import { leastToMeasure } from '../../sources/drivers/posix/measure-reads.ts';
import type { Root } from '../../sources/root.ts';
import type { SourceFacts } from './source-checks.ts';

/** A directory with models, as the daemon or the configuration has it. */
export interface KnownRoot extends Partial<Pick<RootView, 'health' | 'why'>> {
  path: string;
  /** Named by the user; null = detected here. */
  kind: Medium | null;
  /** ComfyUI looks there if it exists. */
  optional: boolean;
}

/** Maximum time of searching for a file on one disk or share, and of measuring it, ms. */
const patience = { searchMs: 4000, measureMs: 15_000 };
/** Maximum number of searched roots on one disk. */
const mostSearched = 40;

interface Known extends KnownRoot {
  medium: MediumFacts;
}

/**
 * Groups the roots by their disk or share and measures one file of each, all at the same time. Processes of their own, with deadlines,
 * read disks that may hang.
 */
export async function lookAtSources(known: readonly KnownRoot[], waits = patience): Promise<SourceFacts[]> {
  const roots = new Roots();
  await using host = new SourceClient({ roots });
  const groups = new Map<string, Known[]>();
  for (const root of known) {
    const medium = await detectMedium(root.path);
    const key = `${root.kind ?? medium.kind} ${medium.device ?? root.path}`;
    groups.set(key, [...(groups.get(key) ?? []), { ...root, medium }]);
    roots.add({ path: root.path, origin: 'api', kind: root.kind, medium, optional: root.optional });
  }
  const facts = await Promise.all([...groups.values()].map((group) => lookAt(group, { roots, host, ...waits })));
  return facts.filter((fact) => fact !== null);
}

interface Search {
  roots: Roots;
  host: SourceClient;
  searchMs: number;
  measureMs: number;
}

/** Null when none of the group's directories exists and none has to. */
async function lookAt(group: readonly Known[], place: Search): Promise<SourceFacts | null> {
  const [first] = group;
  if (!first) return null;
  const { medium, kind } = first;
  const facts = {
    device: medium.device,
    fileSystem: medium.fileSystem,
    kind: kind ?? medium.kind,
    kindFrom: kind === null ? medium.from : ('configured' as const),
    roots: group.map(({ path }) => path),
  };
  const end = AbortSignal.timeout(place.searchMs);
  let away: string | null = null;
  let there = 0;
  for (const root of group.slice(0, mostSearched)) {
    if (end.aborted) break;
    const found = await measureIn(root, place, end);
    if (found.is === 'measured') return { ...facts, state: found };
    if (found.is === 'nothing') there++;
    else if (!root.optional) away ??= found.why;
  }
  if (end.aborted && there === 0) away ??= 'it does not answer in time';
  if (away !== null) return { ...facts, state: { is: 'away', why: away } };
  return there > 0 ? { ...facts, state: { is: 'nothing' } } : null;
}

async function measureIn(
  known: Known,
  { roots, host, searchMs, measureMs }: Search,
  end: AbortSignal,
): Promise<SourceFacts['state']> {
  if (known.health === 'away') return { is: 'away', why: known.why ?? 'it does not answer' };
  const root = roots.get(known.path);
  if (!root) return { is: 'nothing' };
  const state = await host.identify(root, { deadlineMs: searchMs });
  if (state.state === 'away') return { is: 'away', why: state.why };
  try {
    const file = await findLarge(root, host, end);
    const speeds = file === null ? null : await host.measure(file, { deadlineMs: measureMs });
    return speeds ? { is: 'measured', speeds } : { is: 'nothing' };
  } catch (error) {
    return { is: 'away', why: troubleOf(error) };
  }
}

/** The first file that is large enough to measure with. */
async function findLarge(root: Root, host: SourceClient, end: AbortSignal): Promise<string | null> {
  const enough = new AbortController();
  let found: string | null = null;
  const onFiles = (files: { path: string; fingerprint: { size: number } }[]) => {
    found ??= files.find(({ fingerprint }) => fingerprint.size >= leastToMeasure)?.path ?? null;
    if (found !== null) enough.abort();
  };
  await host.walk(root, { onFiles, signal: AbortSignal.any([end, enough.signal]) }).catch((error: unknown) => {
    if (found === null && !end.aborted) throw error;
  });
  return found;
}
