import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { EntryView } from '../../api/api.ts';
import {
  type EntriesAnswer,
  type EntriesQuery,
  type EntrySort,
  entrySorts,
  type ListedEntry,
  type SourcesAnswer,
} from '../../api/entries.ts';
import { counted, formatBytes, formatCount } from '../../core/format.ts';
import { copyTerms } from '../../core/vocabulary.ts';
import type { Client } from '../client.ts';
import { rootOf } from '../known-roots.ts';
import { count as wholeNumber } from '../options.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import type { Look } from '../text/look.ts';
import { table } from '../text/table.ts';
import { ago } from '../text/words.ts';

interface Options {
  category?: string;
  root?: string;
  glob?: string;
  search?: string;
  cached?: true;
  pinned?: true;
  sources?: true;
  sort: EntrySort;
  limit: number;
}

export function addList(program: Command, run: Run): void {
  program
    .command('list')
    .description('list known files and their copies')
    .option('--category <name>', 'only this category, such as loras')
    .option('--root <dir>', 'only files below this root; a part of its path is enough')
    .option('--glob <pattern>', "only names that match, such as '*fp8*'")
    .option('--search <words>', 'only names and paths that have all of these words, in any case')
    .option('--sources', 'files in the model folders that no program has asked for yet')
    .option('--cached', 'only files with a ready copy')
    .option('--pinned', 'only files that are never evicted')
    .addOption(new Option('--sort <by>', 'order').choices(entrySorts).default('lastUsed'))
    .option('--limit <number>', 'at most this many', wholeNumber, 50)
    .action(
      run(async (session, options: Options) => {
        const client = await clientOf(session);
        if (options.sources) {
          const { search, limit } = options;
          const found = await client.sources({ limit, ...(search !== undefined && { search }) });
          return { data: found, page: (look) => sourcesPage(found, look) };
        }
        const data = await entriesOf(options, session, client);
        return { data, page: (look) => page(data, look) };
      }),
    );
}

/** A word that names no folder may be a part of a folder's path. */
async function entriesOf(options: Options, session: Session, client: Client): Promise<EntriesAnswer> {
  const { root } = options;
  const data = await client.entries(queryOf(options, root && resolve(session.cwd, root)));
  if (root === undefined || data.total > 0) return data;
  return client.entries(queryOf(options, await rootOf(root, session, client)));
}

function queryOf({ sort, root: _root, sources: _sources, ...filters }: Options, root: string | undefined): EntriesQuery {
  // Names read from A to Z; of sizes, uses and times the largest is the interesting one.
  const descending = sort !== 'name' && sort !== 'category';
  return { ...filters, ...(root !== undefined && { root }), sort, descending };
}

function sourcesPage({ files, total }: SourcesAnswer, look: Look): string {
  if (files.length === 0) return 'no file matches';
  const rows = table(
    files,
    [
      { title: 'NAME', value: ({ name }) => name, shrinks: 'name' },
      { title: 'CATEGORY', value: ({ category }) => category ?? '-' },
      { title: 'SIZE', value: ({ size }) => formatBytes(size), align: 'right' },
    ],
    look,
  );
  return withRest(rows, files.length, total, look);
}

/** Adds a line when the page is not complete. */
function withRest(rows: string, shown: number, total: number, look: Look): string {
  if (shown >= total) return rows;
  return `${rows}\n${look.paint('dim', `${formatCount(shown)} of ${counted(total, 'file')}; --limit shows more`)}`;
}

const roomForAll = 100;

function page({ entries, total }: EntriesAnswer, look: Look): string {
  if (entries.length === 0) return 'no file matches';
  const spacious = look.width === null || look.width >= roomForAll;
  const rows = table<ListedEntry>(
    entries,
    [
      { title: 'ID', value: (entry) => String(entry.id), align: 'right' },
      { title: 'NAME', value: (entry) => entry.name, shrinks: 'name' },
      { title: 'CATEGORY', value: (entry) => entry.category ?? '-', shrinks: 'sentence' },
      { title: 'SIZE', value: (entry) => formatBytes(entry.size), align: 'right' },
      { title: 'TIER', value: tiersOf },
      ...(spacious ? [{ title: 'USES', value: (entry: ListedEntry) => formatCount(entry.uses), align: 'right' as const }] : []),
      { title: 'USED', value: (entry) => ago(entry.lastUsedAt) },
      { title: '', value: flagsOf, shrinks: 'sentence' },
    ],
    look,
  );
  return withRest(rows, entries.length, total, look);
}

/** Tiers with a ready copy of the file, and in brackets those with a copy under way. */
function tiersOf({ copies, shared }: ListedEntry): string {
  const words = copies.map((copy) => (copy.state === 'ready' ? copy.tier : `(${copyTerms[copy.state].word})`));
  return [...words, ...(shared ? ['shared'] : [])].join(' ') || '-';
}

function flagsOf({ pinned, leased }: EntryView): string {
  return [...(pinned ? ['pinned'] : []), ...(leased ? ['leased'] : [])].join(', ');
}
