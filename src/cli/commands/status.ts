import type { Command } from 'commander';
import type { Client } from '../client.ts';
import { seconds } from '../options.ts';
import type { Answer } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { ramPage } from '../text/ram-page.ts';
import { statusPage } from '../text/status-page.ts';
import { watch as follow } from '../watch.ts';

const mostEntries = 5;
const usualPause = 2;

interface Options {
  ram?: true;
  /** Interval, s; true = the default. */
  watch?: number | true;
}

export function addStatus(program: Command, run: Run): void {
  program
    .command('status')
    .description('show space, use, jobs and model folders')
    .option('--ram', 'only the RAM tier, with its models')
    .option(
      '--watch [seconds]',
      `again and again, every ${usualPause} seconds unless said otherwise, until q or Ctrl-C`,
      seconds,
    )
    .action(
      run(async (session, { ram, watch }: Options) => {
        const client = await clientOf(session);
        const show = () => (ram ? ramAnswer(client) : statusAnswer(session, client));
        if (watch === undefined) return show();
        return follow(session, show, 1000 * (watch === true ? usualPause : watch));
      }),
    );
}

async function statusAnswer(session: Session, client: Client): Promise<Answer> {
  const stats = await client.stats();
  if (session.json) return { data: stats, page: () => '' };
  const [{ jobs, paused = false }, biggest, mostUsed, { remotes }] = await Promise.all([
    client.jobs(),
    client.entries({ cached: true, sort: 'size', descending: true, limit: mostEntries }),
    client.entries({ sort: 'uses', descending: true, limit: mostEntries }),
    stats.roots.some(({ kind }) => kind === 's3') ? client.remotes() : { remotes: [] },
  ]);
  const all = { stats, jobs, paused, biggest: biggest.entries, mostUsed: mostUsed.entries, remotes, url: client.daemon.url };
  return { data: stats, page: (look) => statusPage(all, look) };
}

async function ramAnswer(client: Client): Promise<Answer> {
  const [{ tiers }, { entries }] = await Promise.all([
    client.stats(),
    client.entries({ tier: 'ram', sort: 'lastUsed', descending: true, limit: 1000 }),
  ]);
  const data = { tier: tiers.find(({ tier }) => tier === 'ram') ?? null, entries };
  return { data, page: (look) => ramPage(data, look) };
}
