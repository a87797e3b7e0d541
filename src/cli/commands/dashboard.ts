import type { Command } from 'commander';
import { counted } from '../../core/format.ts';
import type { Answer } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';

export function addDashboard(program: Command, run: Run): void {
  program
    .command('dashboard')
    .description('print a one-time sign-in link to the dashboard (valid 60 s)')
    .option('--sign-out', 'sign out every browser instead')
    .action(run(dashboard));
}

async function dashboard(session: Session, { signOut }: { signOut?: true }): Promise<Answer> {
  const client = await clientOf(session);
  if (signOut) {
    const data = await client.signOutBrowsers();
    return { data, page: () => `${counted(data.signedOut, 'browser')} signed out` };
  }
  const { path } = await client.dashboard();
  const url = `${client.daemon.url}${path}`;
  return { data: { url }, page: () => `${url}\nThe link works once, within 60 seconds; the browser then stays signed in.` };
}
