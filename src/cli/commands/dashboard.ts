import type { Command } from 'commander';
import { clientOf, type Run } from '../session.ts';

export function addDashboard(program: Command, run: Run): void {
  program
    .command('dashboard')
    .description('print the address of the dashboard, which opens once and within a minute')
    .action(
      run(async (session) => {
        const client = await clientOf(session);
        const { path } = await client.dashboard();
        const url = `${client.daemon.url}${path}`;
        return { data: { url }, page: () => `${url}\nIt opens once, within a minute; the tab stays signed in.` };
      }),
    );
}
