import { type Command, Option } from 'commander';
import type { EvictRequest, RemovalAnswer } from '../../api/api.ts';
import { costText } from '../../core/format.ts';
import { type TierName, tierNames } from '../../core/types.ts';
import type { Client } from '../client.ts';
import { agreedOrTold } from '../confirm.ts';
import { selectRequest } from '../items.ts';
import { itemHelp, withKnownItems } from '../known-items.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { removalPage } from '../text/removal-page.ts';

interface Options {
  tier?: TierName;
  dryRun?: true;
  yes?: true;
}

export function addEvict(program: Command, run: Run): void {
  program
    .command('evict')
    .description('delete the copies of files or directories; sources are kept')
    .argument('<file...>', itemHelp)
    .addOption(new Option('--tier <name>', 'only the copies in this tier').choices(tierNames))
    .option('--dry-run', 'show what would be deleted, delete nothing')
    .option('-y, --yes', 'do not ask, on a terminal')
    .action(run(evict));
}

async function evict(session: Session, files: string[], options: Options): Promise<Answer> {
  const client = await clientOf(session);
  return withKnownItems(files, { ...session, client }, (words) => evictThese(session, client, { words, ...options }));
}

async function evictThese(
  session: Session,
  client: Client,
  { words, tier, dryRun, yes }: Options & { words: string[] },
): Promise<Answer> {
  const request = { ...(await selectRequest(words, session)), ...(tier && { tier }) };
  if (dryRun) return answerOf(await client.evict({ ...request, dryRun }));
  if (!yes && !session.json && !(await isAgreed(session, client, request)))
    return { data: null, page: () => 'nothing deleted', exitCode: exitCodes.failed };
  return answerOf(await client.evict(request));
}

async function isAgreed(session: Session, client: Client, request: EvictRequest): Promise<boolean> {
  const plan = await client.evict({ ...request, dryRun: true });
  return plan.files === 0 || agreedOrTold(session, costText({ ...plan, copies: plan.files }), 'Delete?');
}

function answerOf(data: RemovalAnswer): Answer {
  const failed = data.files === 0 && data.skipped.length > 0;
  return { data, page: (look) => removalPage(data, look), exitCode: failed ? exitCodes.failed : exitCodes.done };
}
