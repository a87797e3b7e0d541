import { type Command, Option } from 'commander';
import type { ClearRequest, RemovalAnswer } from '../../api/api.ts';
import { CacheError } from '../../core/errors.ts';
import { counted, formatBytes } from '../../core/format.ts';
import { type TierName, tierNames } from '../../core/types.ts';
import { assertCanAsk, confirm } from '../confirm.ts';
import { rootOf } from '../known-roots.ts';
import { duration, size } from '../options.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { lookOf } from '../text/look.ts';
import { removalPage } from '../text/removal-page.ts';

interface Options {
  all?: true;
  category?: string;
  root?: string;
  olderThan?: number;
  largerThan?: number;
  glob?: string;
  tier?: TierName;
  dryRun?: true;
  yes?: true;
}

const examples = `
Only copies are deleted, never a source. Copies in use and pinned ones stay.

Examples:
  autocached purge --older-than 30d --dry-run
  autocached purge --category loras --larger-than 1GiB
  autocached purge --all --yes`;

export function addPurge(program: Command, run: Run): void {
  program
    .command('purge')
    .description('delete copies by age, size, name, ...; shows them and asks first')
    .option('--all', 'every copy')
    .option('--category <name>', 'copies of this category')
    .option('--root <dir>', 'copies of files below this root; a part of its path is enough')
    .option('--older-than <duration>', 'not used for this long, such as 30d', duration)
    .option('--larger-than <size>', 'larger than, such as 5GiB', size)
    .option('--glob <pattern>', "names that match, such as '*fp8*'")
    .addOption(new Option('--tier <name>', 'copies in this tier').choices(tierNames))
    .option('--dry-run', 'show what would be deleted, delete nothing')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples)
    .action(run(purge));
}

async function purge(session: Session, options: Options): Promise<Answer> {
  const asked = requestOf(options);
  const client = await clientOf(session);
  const request = asked.root === undefined ? asked : { ...asked, root: await rootOf(asked.root, session, client) };
  if (options.dryRun || !options.yes) {
    const plan = await client.clear({ ...request, dryRun: true });
    if (options.dryRun || plan.files === 0) return answer(plan);
    if (!(await isAgreed(session, plan))) return { data: plan, page: () => 'nothing deleted', exitCode: exitCodes.failed };
  }
  return answer(await client.clear(request));
}

/** @throws CacheError BAD_REQUEST when there is no terminal to ask at */
async function isAgreed(session: Session, plan: RemovalAnswer): Promise<boolean> {
  assertCanAsk(session, 'purge asks before it deletes', {
    hint: 'add --yes to delete without asking, or --dry-run to see how much it frees and how many of all copies it removes',
  });
  session.err.write(`${removalPage(plan, lookOf(session.err))}\n`);
  return confirm(`Delete ${counted(plan.files, 'copy', 'copies')}, ${formatBytes(plan.bytes)}?`, session);
}

function answer(data: RemovalAnswer): Answer {
  return { data, page: (look) => removalPage(data, look) };
}

function requestOf({ olderThan, dryRun: _, yes: __, ...rest }: Options): ClearRequest {
  const request: ClearRequest = {
    ...rest,
    ...(olderThan !== undefined && { olderThanMs: olderThan }),
  };
  if (Object.keys(request).length > 0) return request;
  throw new CacheError('BAD_REQUEST', 'say which copies to delete', {
    hint: 'a filter such as --older-than 30d (autocached purge --help shows them), or --all',
  });
}
