import type { Command } from 'commander';
import { selectRequest } from '../items.ts';
import { exitCodes } from '../print.ts';
import { clientOf, type Run } from '../session.ts';
import { removalPage } from '../text/removal-page.ts';

export function addEvict(program: Command, run: Run): void {
  program
    .command('evict')
    .description('delete the copies of files or directories; sources are kept')
    .argument('<file...>', 'path, directory, category/name, or id from list')
    .option('--dry-run', 'show what would be deleted, delete nothing')
    .action(
      run(async (session, files: string[], { dryRun }: { dryRun?: true }) => {
        const client = await clientOf(session);
        const data = await client.evict({ ...(await selectRequest(files, session)), ...(dryRun && { dryRun }) });
        const failed = data.files === 0 && data.skipped.length > 0;
        return { data, page: (look) => removalPage(data, look), exitCode: failed ? exitCodes.failed : exitCodes.done };
      }),
    );
}
