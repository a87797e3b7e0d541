import type { Command } from 'commander';
import type { EntryView } from '../../core/api.ts';
import { formatBytes } from '../../core/format.ts';
import { selectRequest } from '../items.ts';
import { clientOf, type Run } from '../session.ts';
import { plain } from '../text/fit.ts';
import { counted, entryName } from '../text/words.ts';

/** `pin` and `unpin`. */
export function addPin(program: Command, run: Run): void {
  program
    .command('pin')
    .description('never evict the copies of these files')
    .argument('<file...>', 'path, category/name, or id from list')
    .action(
      run(async (session, files: string[]) => {
        const data = await (await clientOf(session)).pin(selectRequest(files, session));
        return { data, page: () => page('pinned', data.entries) };
      }),
    );
  program
    .command('unpin')
    .description('let them be evicted again')
    .argument('<file...>', 'path, category/name, or id from list')
    .action(
      run(async (session, files: string[]) => {
        const data = await (await clientOf(session)).unpin(selectRequest(files, session));
        return { data, page: () => page('unpinned', data.entries) };
      }),
    );
}

function page(done: string, entries: EntryView[]): string {
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  const names = entries.map((entry) => `  ${plain(entryName(entry))}`);
  return [`${done} ${counted(entries.length, 'file')}, ${formatBytes(bytes)}`, ...names].join('\n');
}
