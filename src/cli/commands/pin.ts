import { type Command, Option } from 'commander';
import type { PinAnswer, PinnedAnswer } from '../../api/pins.ts';
import { CacheError } from '../../core/errors.ts';
import { counted, formatBytes } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { Client } from '../client.ts';
import { selectRequest } from '../items.ts';
import { itemHelp, withKnownItems } from '../known-items.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { entryName } from '../text/words.ts';

interface PinOptions {
  category: string[];
  list?: boolean;
}

/** `pin` and `unpin`. */
export function addPin(program: Command, run: Run): void {
  program
    .command('pin')
    .description('never evict these files; for a directory, a glob or a category, also files added later')
    .argument('[file...]', itemHelp)
    .addOption(categoryOption('all files of this category; may be repeated'))
    .option('--list', 'show the directories, globs and categories that are pinned')
    .action(
      run(async (session, files: string[], { category, list }: PinOptions) => {
        const client = await clientOf(session);
        if (list) {
          const data = await client.pinned();
          return { data, page: () => pinnedPage(data) };
        }
        const data = await changed(files, category, { ...session, client }, (body) => client.pin(body));
        return { data, page: () => page('pinned', data) };
      }),
    );
  program
    .command('unpin')
    .description('allow eviction again; of a directory, glob or category that was pinned, files pinned by name stay so')
    .argument('[file...]', itemHelp)
    .addOption(categoryOption('all files of this category; may be repeated'))
    .action(
      run(async (session, files: string[], { category }: PinOptions) => {
        const client = await clientOf(session);
        const data = await changed(files, category, { ...session, client }, (body) => client.unpin(body));
        return { data, page: () => page('unpinned', data) };
      }),
    );
}

function categoryOption(meaning: string): Option {
  return new Option('--category <category>', meaning)
    .default([], 'none')
    .argParser((category: string, before: string[]) => [...before, category]);
}

function changed(
  files: string[],
  categories: string[],
  place: Session & { client: Client },
  change: Client['pin'],
): Promise<PinAnswer> {
  if (files.length + categories.length === 0) throw new CacheError('BAD_REQUEST', 'name at least one file, or --category');
  const named = categories.length > 0 ? { categories } : {};
  return withKnownItems(files, place, async (words) => change({ ...(await selectRequest(words, place)), ...named }));
}

/** Maximum files that stay pinned and are named in one line. */
const mostKept = 5;

/** An older daemon knows no globs and no categories. */
function page(done: string, { entries, directories, globs = [], categories = [], kept = [] }: PinAnswer): string {
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  const names = entries.map((entry) => `  ${plain(entryName(entry))}`);
  const rules = [...directories, ...globs, ...categories.map((category) => `category ${category}`)];
  const lines = rules.map((rule) => `${done} ${plain(rule)} with all files that are added to it later`);
  const shown = kept.slice(0, mostKept).map((entry) => plain(entryName(entry)));
  const more = kept.length > mostKept ? [`and ${counted(kept.length - mostKept, 'more', 'more')}`] : [];
  const stay = kept.length > 0 ? [`still pinned, by name or by another rule: ${[...shown, ...more].join(', ')}`] : [];
  return [...lines, `${done} ${counted(entries.length, 'file')}, ${formatBytes(bytes)}`, ...names, ...stay].join('\n');
}

function pinnedPage({ directories, globs, categories }: PinnedAnswer): string {
  const lines = [
    ...directories.map((directory) => `directory ${directory}`),
    ...globs.map((glob) => `glob      ${glob}`),
    ...categories.map((category) => `category  ${category}`),
  ];
  const files = 'Single files that are pinned: autocached list --pinned';
  return [...(lines.length > 0 ? lines.map(plain) : ['No directory, glob or category is pinned.']), files].join('\n');
}
