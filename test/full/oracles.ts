import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { EntryView } from '../../src/api/api.ts';
import { readJournal } from '../../src/tiers/partial.ts';
import type { DaemonProcess } from '../helpers/daemon-process.ts';
import { patience } from '../helpers/patience.ts';

export interface World {
  root: string;
  /** Sources as they were written. */
  sources: { path: string; bytes: Buffer; mtimeNs: bigint }[];
  limit: number;
}

/** Maximum time of a lookup on an idle machine, ms: it waits for nothing. */
const answerMs = 300;

/** What must hold after every crash, of what the daemon now says and of what lies on the disk. Answers what does not. */
export async function violations(daemon: DaemonProcess, world: World): Promise<string[]> {
  return [
    ...(await servesTrueBytes(daemon, world)),
    ...leavesSourcesAlone(world),
    ...(await keepsTheLimit(daemon, world)),
    ...(await leavesNoOrphans(daemon)),
    ...(await keepsSecrets(daemon, world)),
  ];
}

/** O1 and O5: every answer comes in time, and leads to the bytes of the source. */
async function servesTrueBytes({ client }: DaemonProcess, { sources }: World): Promise<string[]> {
  const wrong: string[] = [];
  for (const { path, bytes } of sources) {
    const startedAt = performance.now();
    const answer = await client.lookup({ path, purpose: 'metadata', waitMs: 0, client: null });
    const ms = performance.now() - startedAt;
    if (ms > patience(answerMs)) wrong.push(`O5: a lookup took ${Math.round(ms)} ms`);
    if (answer.reason === 'ERROR') wrong.push('O5: a lookup failed');
    if (!readFileSync(answer.path).equals(bytes)) wrong.push(`O1: ${answer.path} is not its source`);
  }
  const { damaged } = await client.verify({ all: true });
  return [...wrong, ...damaged.map(({ copy, why }) => `O1: ${copy}: ${why}`)];
}

/** O2 */
function leavesSourcesAlone({ sources, root }: World): string[] {
  const wrong = sources.filter(
    ({ path, bytes, mtimeNs }) => !readFileSync(path).equals(bytes) || statSync(path, { bigint: true }).mtimeNs !== mtimeNs,
  );
  const extra = filesBelow(root).filter((path) => !sources.some((source) => source.path === path));
  return [...wrong.map(({ path }) => `O2: ${path} changed`), ...extra.map((path) => `O2: ${path} appeared among the sources`)];
}

/** O3, of the books and of the disk. */
async function keepsTheLimit({ client, cacheDir }: DaemonProcess, { limit }: World): Promise<string[]> {
  const { tiers, variants } = await client.stats();
  const booked = tiers.reduce((sum, { bytes, reserved }) => sum + bytes + reserved, variants?.bytes ?? 0);
  const held = bytesHeld(cacheDir);
  const wrong = [];
  if (booked > limit) wrong.push(`O3: ${booked} bytes are booked, the limit is ${limit}`);
  if (held > limit) wrong.push(`O3: ${held} bytes are held, the limit is ${limit}`);
  if (held !== booked) wrong.push(`O3: ${held} bytes are held and ${booked} are booked`);
  return wrong;
}

/** Bytes of copies and variants, finished and unfinished, that lie in a cache directory now; names of one file count once. */
export function bytesHeld(cacheDir: string): number {
  const files = ['files', 'partial', 'cold/files', 'cold/partial', 'variants'].flatMap((name) =>
    filesBelow(join(cacheDir, name)),
  );
  const sizes = new Map(files.filter((path) => !/\.(seal|journal|journal\.new)$/.test(path)).map(sizeOf));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** O4 */
async function leavesNoOrphans({ client, cacheDir }: DaemonProcess): Promise<string[]> {
  const { entries } = await client.entries({});
  const rows = entries.flatMap(({ copies }) => copies);
  const found = [cacheDir, join(cacheDir, 'cold')].flatMap((dir) => orphansOf(dir, rows));
  // What a copy can go on from is kept, and the row of that copy.
  const halves = filesBelow(join(cacheDir, 'partial')).filter((path) => path.endsWith('.part') && isResumable(path)).length;
  return [
    ...found,
    ...rows
      .filter(({ state, path }) => (state === 'copying' ? halves === 0 : state !== 'ready' || !existsSync(path)))
      .map(({ path, state }) => `O4: ${state} row of ${path}`),
  ];
}

function orphansOf(cacheDir: string, rows: EntryView['copies']): string[] {
  const files = filesBelow(join(cacheDir, 'files'));
  const partial = filesBelow(join(cacheDir, 'partial'));
  const seals = filesBelow(join(cacheDir, 'seals')).map((path) => relative(join(cacheDir, 'seals'), path));
  const isSealed = (path: string) => seals.includes(`${relative(join(cacheDir, 'files'), path)}.json`);
  return [
    ...files.filter((path) => !rows.some((row) => row.path === path)).map((path) => `O4: ${path} has no row`),
    ...files.filter((path) => !isSealed(path)).map((path) => `O4: ${path} has no proof`),
    ...seals
      .filter((seal) => !existsSync(join(cacheDir, 'files', seal.slice(0, -5))))
      .map((seal) => `O4: proof ${seal} of nothing`),
    ...partial.filter((path) => !isResumable(path)).map((path) => `O4: ${path} was left`),
  ];
}

/** An unfinished file with its journal, or that journal. */
function isResumable(path: string): boolean {
  const temp = path.replace(/\.journal$/, '');
  const journal = readJournal(temp);
  const [, size] = sizeOf(temp);
  return journal !== undefined && size > 0 && size <= journal.bytes;
}

/** O6: what anybody may read tells no path and no token. */
async function keepsSecrets({ client }: DaemonProcess, { root }: World): Promise<string[]> {
  const { url, tokenFile } = client.daemon;
  const token = readFileSync(tokenFile, 'utf8').trim();
  const texts = await Promise.all(
    ['/healthz', '/metrics', '/', '/api/cache/stats'].map(async (path) => (await fetch(url + path)).text()),
  );
  return texts.some((text) => text.includes(root) || text.includes(token))
    ? ['O6: a path or the token is told to anybody']
    : [];
}

/** All regular files below a directory; none when there is no such directory. */
export function filesBelow(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Inode and size; nothing when it left between two looks, and a link has taken its place perhaps. */
function sizeOf(path: string): [ino: number, size: number] {
  const { ino, size } = lstatSync(path, { throwIfNoEntry: false }) ?? { ino: 0, size: 0 };
  return [ino, size];
}
