import type { Command } from 'commander';
import { clientOf, type Run } from '../session.ts';
import { stopDaemon } from '../stop-daemon.ts';

export function addStop(program: Command, run: Run): void {
  program
    .command('stop')
    .description('stop the daemon and wait until it has ended')
    .action(
      run(async (session) => {
        const client = await clientOf(session);
        const data = await stopDaemon(client);
        return { data, page: () => `stopped (pid ${client.daemon.pid})` };
      }),
    );
}
