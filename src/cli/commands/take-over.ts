import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { JobView } from '../../api/api.ts';
import type { TakeOverItem } from '../../api/take-over.ts';
import { CacheError, troubleOf } from '../../core/errors.ts';
import { counted, formatBytes } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { AdoptionWay } from '../../core/types.ts';
import type { Client } from '../client.ts';
import { agreed } from '../confirm.ts';
import { filesBelow } from '../file-tree.ts';
import { openJobsView } from '../jobs-view.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { type TakenItem, takeOverPage } from '../text/take-over-page.ts';
import { waitForJobs } from '../wait-for-jobs.ts';

interface Options {
  move?: true;
  reflink?: true;
  dryRun?: true;
  yes?: true;
}

const notes = `
For the directory of Arena AutoCache, or of any cache that keeps files by their
names. Each file is compared with the model of its name, byte for byte. An equal
one becomes a copy under a second name of the same file: nothing is written, and
no space is taken. It gets the time of the model and becomes read-only; the
directory stays, and can be deleted afterwards. All others are listed with why.
Run it again after an interruption.

Examples:
  autocached take-over ~/ComfyUI/models/arena_cache --dry-run
  autocached take-over D:\\ArenaAutoCache`;

/** Files in one request; the daemon checks them one after the other. */
const atOnce = 500;

export function addTakeOver(program: Command, run: Run): void {
  program
    .command('take-over')
    .description("take over another cache's copies that equal their models, such as Arena's")
    .argument('<dir>', 'its directory')
    .option('--move', 'remove what was taken over from that directory; asks first')
    .option('--reflink', 'share blocks instead of a second name; its files stay untouched (btrfs, XFS)')
    .option('--dry-run', 'only say which files would be compared')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', notes)
    .action(run(takeOver));
}

async function takeOver(session: Session, word: string, options: Options): Promise<Answer> {
  const { move, reflink, dryRun, yes } = options;
  if (move && reflink)
    throw new CacheError('BAD_REQUEST', '--move and --reflink exclude each other', { hint: 'autocached take-over --help' });
  const way: AdoptionWay = move ? 'move' : reflink ? 'clone' : 'link';
  const dir = resolve(session.cwd, word);
  const client = await clientOf(session);
  const files = await offered(dir, session);
  const items = dryRun || move ? await asked(client, { files, way, check: true }) : [];
  if (dryRun) return { data: { dir, dryRun: true, items }, page: (look) => takeOverPage(items, look, 'would be compared') };
  if (move && !yes) {
    const meant = items.filter(({ state }) => state === 'compared');
    const cost = `${counted(meant.length, 'file')}, ${formatBytes(meant.reduce((sum, { size }) => sum + size, 0))}, would be compared`;
    const question = `Move those that are equal out of ${plain(dir)}?`;
    if (meant.length > 0 && !(await agreed(session, cost, question)))
      return { data: { dir, items }, page: () => 'nothing changed', exitCode: exitCodes.failed };
  }
  const taken = await taking(client, session, { files, way });
  const isOpen = taken.some(({ outcome }) => outcome === 'left');
  return {
    data: { dir, items: taken },
    page: (look) => takeOverPage(taken, look, 'taken over'),
    exitCode: isOpen ? exitCodes.difference : exitCodes.done,
  };
}

type Files = { path: string; size: number }[];

/** @throws CacheError BAD_REQUEST when there is nothing */
async function offered(dir: string, { err }: Session): Promise<Files> {
  const unreadable = (at: string, error: unknown) => err.write(`${plain(`cannot list ${at}: ${troubleOf(error)}`)}\n`);
  const paths = await filesBelow(dir, unreadable);
  const files = await Promise.all(paths.map(async (path) => ({ path, size: (await stat(path)).size })));
  if (files.length === 0) throw new CacheError('BAD_REQUEST', `there are no files in ${dir}`);
  return files;
}

async function asked(
  client: Client,
  { files, ...how }: { files: Files; way: AdoptionWay; check?: true },
): Promise<TakeOverItem[]> {
  const items: TakeOverItem[] = [];
  for (let at = 0; at < files.length; at += atOnce)
    items.push(...(await client.takeOver({ files: files.slice(at, at + atOnce), ...how })).items);
  return items;
}

async function taking(client: Client, session: Session, request: { files: Files; way: AdoptionWay }): Promise<TakenItem[]> {
  const over = new AbortController();
  const events = await client.events(AbortSignal.any([over.signal, session.unread]));
  try {
    const items = await asked(client, request);
    using view = openJobsView(session);
    const jobs = items.flatMap(({ job }) => job ?? []);
    const ended = await waitForJobs(jobs, { client, events, onUpdate: (job) => view.update(job) });
    // The daemon lists only the last ended jobs: for others, its next answer tells whether there is a copy.
    const untold = items.flatMap(({ job, from: path, size }) => (job && !ended.has(job.id) ? [{ path, size }] : []));
    const now = new Map((await asked(client, { ...request, files: untold, check: true })).map((item) => [item.from, item]));
    return items.map((item) => outcomeOf(now.get(item.from) ?? item, item.job && ended.get(item.job.id)));
  } finally {
    over.abort();
  }
}

function outcomeOf(item: TakeOverItem, job: JobView | null | undefined): TakenItem {
  if (!job) return { ...item, outcome: item.state === 'cached' ? 'cached' : 'left' };
  if (job.state === 'done') return { ...item, job, outcome: job.kind === 'adopt' ? 'taken over' : 'cached' };
  return { ...item, job, state: 'left', outcome: 'left', why: job.error?.message ?? job.why };
}
