import type { Command } from 'commander';
import { clientOf, type Run } from '../session.ts';
import { statusPage } from '../text/status-page.ts';

const mostEntries = 5;

export function addStatus(program: Command, run: Run): void {
  program
    .command('status')
    .description('show space, use, jobs and model folders')
    .action(
      run(async (session) => {
        const client = await clientOf(session);
        const stats = await client.stats();
        if (session.json) return { data: stats, page: () => '' };
        const [{ jobs, paused = false }, biggest, mostUsed] = await Promise.all([
          client.jobs(),
          client.entries({ cached: true, sort: 'size', descending: true, limit: mostEntries }),
          client.entries({ sort: 'uses', descending: true, limit: mostEntries }),
        ]);
        const all = { stats, jobs, paused, biggest: biggest.entries, mostUsed: mostUsed.entries, url: client.daemon.url };
        return { data: stats, page: (look) => statusPage(all, look) };
      }),
    );
}
