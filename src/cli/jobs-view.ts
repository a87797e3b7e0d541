import { MultiBar, type SingleBar } from 'cli-progress';
import type { JobView } from '../api/api.ts';
import { counted, formatBytes, formatDuration } from '../core/format.ts';
import { plain } from '../core/printable.ts';
import type { Session } from './session.ts';
import { progressBar } from './text/bar.ts';
import { shorten } from './text/fit.ts';
import { lookOf, type Screen } from './text/look.ts';
import { jobName, jobProgress, jobWord } from './text/words.ts';

/** Shows the progress of jobs while they run. */
export interface JobsView extends Disposable {
  update(job: JobView): void;
}

/** A bar for each running job on a terminal, plain lines elsewhere, nothing with `--json`. On standard error. */
export function openJobsView(session: Session): JobsView {
  if (session.json) return { update: () => {}, [Symbol.dispose]: () => {} };
  return session.err.isTTY ? bars(session.err) : lines(session.err);
}

/** Copied bytes of all jobs, and the remaining time at the present speed; null for a single job. */
export function overallText(jobs: readonly JobView[]): string | null {
  if (jobs.length < 2) return null;
  const sum = (of: (job: JobView) => number) => jobs.reduce((total, job) => total + of(job), 0);
  const over = jobs.filter(isOver).length;
  const total = sum(({ bytesTotal }) => bytesTotal);
  const done = sum((job) => (isOver(job) ? job.bytesTotal : job.bytesDone));
  const speed = sum((job) => (isOver(job) ? 0 : job.bytesPerSecond));
  const left = speed > 0 && done < total ? `, ${formatDuration(((total - done) / speed) * 1000)} left` : '';
  return `${over} of ${counted(jobs.length, 'file')}, ${formatBytes(done)} of ${formatBytes(total)}${left}`;
}

function lines(err: Screen): JobsView {
  const all = new Map<number, JobView>();
  const told = new Map<number, string>();
  return {
    update(job) {
      all.set(job.id, job);
      const quarter = job.bytesTotal > 0 ? Math.floor((job.bytesDone / job.bytesTotal) * 4) : 0;
      if (isOver(job)) {
        const overall = overallText([...all.values()]);
        err.write(`${endOf(job)}\n${overall === null ? '' : `all: ${overall}\n`}`);
      }
      if (job.state === 'running' && told.get(job.id) !== `${job.status} ${quarter}`)
        err.write(`#${job.id} ${plain(jobName(job))}: ${jobProgress(job)}\n`);
      if (job.state === 'running') told.set(job.id, `${job.status} ${quarter}`);
    },
    [Symbol.dispose]: () => {},
  };
}

function bars(err: Screen): JobsView {
  const look = lookOf(err);
  const width = (look.width ?? 80) - 1;
  const running = new Map<number, SingleBar>();
  const known = new Map<number, JobView>();
  let hasOverall = false;
  let shown = false;
  const all = new MultiBar({
    stream: err,
    format: (_options, _params, { job }: { job: JobView | null }) =>
      job === null ? shorten(`all: ${overallText([...known.values()])}`, width) : barLine(job, width),
    clearOnComplete: true,
    // Lines are cut to the width here, since Ctrl-C would leave a switched-off mode of the terminal off.
    linewrap: true,
    forceRedraw: true,
  });
  return {
    update(job) {
      const bar = running.get(job.id);
      known.set(job.id, job);
      if (known.size > 1 && job.state === 'running' && !hasOverall) {
        hasOverall = true;
        all.create(1, 0, { job: null });
      }
      shown ||= job.state !== 'queued';
      if (isOver(job)) {
        all.log(`${look.paint(job.state === 'done' ? 'green' : 'red', endOf(job))}\n`);
        if (bar) all.remove(bar);
        running.delete(job.id);
      } else if (bar) {
        bar.update(job.bytesDone, { job });
      } else if (job.state === 'running') {
        running.set(job.id, all.create(job.bytesTotal, job.bytesDone, { job }));
      }
    },
    [Symbol.dispose]() {
      if (!shown) return;
      // Only an update writes the last lines.
      all.update();
      all.stop();
    },
  };
}

const roomForBar = 110;

function barLine(job: JobView, width: number): string {
  const share = job.bytesTotal > 0 ? job.bytesDone / job.bytesTotal : 0;
  const facts = `${progressBar(share, width < roomForBar ? 10 : 30)} ${jobProgress(job)}  `;
  return facts + shorten(plain(jobName(job)), Math.max(12, width - facts.length));
}

const doneWord: Partial<Record<JobView['kind'], string>> = { adopt: 'taken over', derive: 'variant made' };

/** One line on the outcome of a finished job. */
function endOf(job: JobView): string {
  const name = `#${job.id} ${plain(jobName(job))}`;
  if (job.state === 'done') return `${name}: ${doneWord[job.kind] ?? 'copied'}, ${formatBytes(job.bytesTotal)}`;
  return `${name}: ${jobWord(job)}${job.error ? `: ${plain(job.error.message)}` : ''}`;
}

export function isOver(job: JobView): boolean {
  return job.state === 'done' || job.state === 'failed' || job.state === 'cancelled';
}
