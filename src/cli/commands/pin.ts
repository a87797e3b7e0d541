import type { Command } from 'commander';
import type { PinAnswer } from '../../api/api.ts';
import { counted, formatBytes } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { selectRequest } from '../items.ts';
import { itemHelp, withKnownItems } from '../known-items.ts';
import { clientOf, type Run } from '../session.ts';
import { entryName } from '../text/words.ts';

/** `pin` and `unpin`. */
export function addPin(program: Command, run: Run): void {
  program
    .command('pin')
    .description('never evict these files; for a directory, also files added later')
    .argument('<file...>', itemHelp)
    .action(
      run(async (session, files: string[]) => {
        const client = await clientOf(session);
        const pin = async (words: string[]) => client.pin(await selectRequest(words, session));
        const data = await withKnownItems(files, { ...session, client }, pin);
        return { data, page: () => page('pinned', data) };
      }),
    );
  program
    .command('unpin')
    .description('allow eviction again')
    .argument('<file...>', itemHelp)
    .action(
      run(async (session, files: string[]) => {
        const client = await clientOf(session);
        const unpin = async (words: string[]) => client.unpin(await selectRequest(words, session));
        const data = await withKnownItems(files, { ...session, client }, unpin);
        return { data, page: () => page('unpinned', data) };
      }),
    );
}

function page(done: string, { entries, directories }: PinAnswer): string {
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  const names = entries.map((entry) => `  ${plain(entryName(entry))}`);
  const rules = directories.map((directory) => `${done} ${plain(directory)} with all files that are added to it later`);
  return [...rules, `${done} ${counted(entries.length, 'file')}, ${formatBytes(bytes)}`, ...names].join('\n');
}
