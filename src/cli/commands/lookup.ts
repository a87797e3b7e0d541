import { stat } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { LookupAnswer, LookupRequest } from '../../api/api.ts';
import { formatDuration } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { type Purpose, purposes, type Reason } from '../../core/types.ts';
import { isMoving, reasonTerm } from '../../core/vocabulary.ts';
import type { Client } from '../client.ts';
import { isPart, parseItem } from '../items.ts';
import { knownItems } from '../known-items.ts';
import { duration } from '../options.ts';
import { exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import type { Look } from '../text/look.ts';
import { jobProgress } from '../text/words.ts';

interface Options {
  wait: number;
  purpose: Purpose;
}

const examples = `
Examples:
  autocached lookup /mnt/nas/models/checkpoints/a.safetensors
  autocached lookup checkpoints/a.safetensors --wait 10m

With --json: one file answers an object, several files an array.`;

/** No such file exists, judging by the name. */
const unknown: ReadonlySet<Reason> = new Set(['SOURCE_MISSING', 'BYPASS_UNKNOWN_ROOT']);
/** The answered path cannot be opened. */
const failures: ReadonlySet<Reason> = new Set(['ERROR', 'SOURCE_MISSING', 'SOURCE_AWAY', 'NOT_PERMITTED']);

export function addLookup(program: Command, run: Run): void {
  program
    .command('lookup')
    .description('show where to open a file; starts a copy if there is none')
    .argument('<file...>', 'path, category/name, a part of the name, or glob')
    .option('--wait <duration>', 'wait for the copy, at most this long, such as 10m', duration, 0)
    .addOption(new Option('--purpose <why>', 'only load counts as use').choices(purposes).default('load'))
    .addHelpText('after', examples)
    .action(
      run(async (session, files: string[], options: Options) => {
        const client = await clientOf(session);
        const answers: LookupAnswer[] = [];
        for (const file of await expanded(files, session, client)) answers.push(await lookUp(file, options, session, client));
        // The mode and an absent disk of the cache have one reason.
        const off = answers.find(({ reason }) => reason === 'OFF');
        const whyOff = off && (await client.explain(off.path)).now.why;
        const failed = answers.some(({ reason }) => failures.has(reason));
        return {
          data: answers.length === 1 ? answers[0] : answers,
          page: (look) => answers.map((answer) => page(answer, look, whyOff)).join('\n'),
          exitCode: failed ? exitCodes.failed : exitCodes.done,
        };
      }),
    );
}

/** Replaces globs by their matches; a check copies nothing. */
async function expanded(words: string[], place: Session, client: Client): Promise<string[]> {
  const lists = words.map(async (word) => {
    const item = parseItem(word, place);
    return 'glob' in item ? (await client.warm({ globs: [item.glob], check: true })).items.map((found) => found.item) : [word];
  });
  return (await Promise.all(lists)).flat();
}

/** A word that is no file's path or name may be a part of one. */
async function lookUp(word: string, options: Options, session: Session, client: Client): Promise<LookupAnswer> {
  const ask = async (file: string) => client.lookup(await requestFor(file, { ...options, cwd: session.cwd }));
  const answer = await ask(word);
  if (!unknown.has(answer.reason) || !isPart(word, session)) return answer;
  const [known = word] = await knownItems([word], session, client);
  return known === word ? answer : ask(known);
}

async function requestFor(file: string, { cwd, purpose, wait }: Options & { cwd: string }): Promise<LookupRequest> {
  const item = parseItem(file, { cwd });
  // A missing file is looked up all the same: its source may be away while its copy is not.
  const found = 'path' in item ? await stat(item.path, { bigint: true }).catch(() => null) : null;
  // The size of a directory is meaningless.
  const seen = found?.isFile() ? found : null;
  return {
    ...item,
    ...(seen && { size: Number(seen.size), mtimeNs: String(seen.mtimeNs) }),
    purpose,
    waitMs: wait,
    client: { app: 'autocached lookup', pid: process.pid },
  };
}

function page({ path, tier, reason, leaseMs, job }: LookupAnswer, look: Look, whyOff: string | undefined): string {
  const why = (reason === 'OFF' && whyOff) || reasonTerm(reason, job !== null).says;
  const lines = [plain(path), `  ${look.paint('bold', reason)}  ${why}`];
  const where = tier ? [`on ${tier}`] : [];
  if (leaseMs > 0) where.push(`stays there for at least ${formatDuration(leaseMs)}`);
  if (where.length > 0) lines.push(`  ${where.join(', ')}`);
  if (job)
    lines.push(
      `  job #${job.id} ${isMoving(job.status) ? `${job.word}: ${jobProgress(job)}` : `${jobProgress(job)}; ${job.why}`}`,
    );
  return lines.join('\n');
}
