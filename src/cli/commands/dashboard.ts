import type { Command } from 'commander';
import { clientOf, type Run } from '../session.ts';

export function addDashboard(program: Command, run: Run): void {
  program
    .command('dashboard')
    .description('print a one-time sign-in link to the dashboard (valid 60 s)')
    .action(
      run(async (session) => {
        const client = await clientOf(session);
        const { path } = await client.dashboard();
        const url = `${client.daemon.url}${path}`;
        return {
          data: { url },
          page: () => `${url}\nThe link works once, within 60 seconds; the browser then stays signed in.`,
        };
      }),
    );
}
