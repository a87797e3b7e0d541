import type { Command } from 'commander';
import type { JobView } from '../../api/api.ts';
import { CacheError } from '../../core/errors.ts';
import { escapedJson } from '../../core/printable.ts';
import { chooseAll, type Kind } from '../choose.ts';
import type { Client } from '../client.ts';
import { isOver, openJobsView } from '../jobs-view.ts';
import type { Answer } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import type { Look } from '../text/look.ts';
import { table } from '../text/table.ts';
import { jobName, jobProgress } from '../text/words.ts';
import { jobOf } from '../wait-for-jobs.ts';

interface Options {
  cancel?: string;
  follow?: true;
  pause?: true;
  resume?: true;
}

export function addJobs(program: Command, run: Run): void {
  program
    .command('jobs')
    .description('list running and waiting copies')
    .option('--cancel <job>', 'cancel this copy: its id, a part of its name, or a glob for several')
    .option('--pause', 'pause all copies until --resume or a restart')
    .option('--resume', 'resume copying')
    .option('--follow', 'follow progress until Ctrl-C')
    .action(run(jobs));
}

async function jobs(session: Session, { cancel, follow, pause, resume }: Options): Promise<Answer | undefined> {
  if ([cancel, follow, pause, resume].filter((option) => option !== undefined).length > 1)
    throw new CacheError('BAD_REQUEST', '--cancel, --pause, --resume and --follow do not go together');
  const client = await clientOf(session);
  if (pause || resume) {
    const data = await client.pauseJobs(pause === true);
    return {
      data,
      page: () => (data.paused ? 'Copying is paused. Resume with: autocached jobs --resume' : 'Copying is resumed.'),
    };
  }
  if (cancel !== undefined) return cancelled(client, cancel);
  if (!follow) {
    const data = await client.jobs();
    return { data, page: (look) => (data.paused ? `paused\n${page(data.jobs, look)}` : page(data.jobs, look)) };
  }
  const events = await client.events(session.unread);
  using view = openJobsView(session);
  for (const job of (await client.jobs()).jobs) view.update(job);
  for await (const event of events) {
    const job = jobOf(event);
    if (job) view.update(job);
    if (job && session.json) session.out.write(`${escapedJson(JSON.stringify(job))}\n`);
  }
  if (session.unread.aborted) return undefined;
  throw new CacheError('NOT_RUNNING', 'the daemon has stopped', { hint: 'autocached start' });
}

const kind: Kind<JobView> = {
  noun: 'job',
  names: (job) => [jobName(job), String(job.id), `#${job.id}`, job.path],
  list: 'autocached jobs',
};

async function cancelled(client: Client, word: string): Promise<Answer> {
  const id = /^#?([1-9]\d*)$/.exec(word)?.[1];
  const ids = id === undefined ? await idsOf(client, word) : [Number(id)];
  const answers: unknown[] = [];
  for (const one of ids) answers.push(await client.cancelJob(one));
  const page = () => ids.map((one) => `job #${one} is cancelled`).join('\n');
  return { data: answers.length === 1 ? answers[0] : { jobs: answers }, page };
}

async function idsOf(client: Client, word: string): Promise<number[]> {
  const open = (await client.jobs()).jobs.filter((job) => !isOver(job));
  return chooseAll(word, open, kind).map((job) => job.id);
}

function page(all: JobView[], look: Look): string {
  if (all.length === 0) return 'no copies are running';
  return table(
    all,
    [
      { title: 'ID', value: (job) => String(job.id), align: 'right' },
      { title: 'PRIORITY', value: (job) => job.priority },
      { title: 'FILE', value: jobName, shrinks: 'name' },
      { title: 'STATE', value: jobProgress, shrinks: 'sentence' },
    ],
    look,
  );
}
