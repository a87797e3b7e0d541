import type { Command } from 'commander';
import { sentenceOf } from '../../core/errors.ts';
import { counted } from '../../core/format.ts';
import { type BringBackPlan, bringBack, planBringBack } from '../bring-back.ts';
import { assertCanAsk, confirm } from '../confirm.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { type BroughtBack, bringBackPage } from '../text/bring-back-page.ts';
import { lookOf } from '../text/look.ts';

interface Options {
  dryRun?: true;
  overwrite?: true;
  yes?: true;
}

const notes = `
A node that saves a file beside its model saves it beside the copy. Such files
are never deleted; this command copies them to where they belong. A file there
that has changed meanwhile is left as it is, unless --overwrite is given.

Examples:
  autocached bring-back --dry-run
  autocached bring-back --yes`;

export function addBringBack(program: Command, run: Run): void {
  program
    .command('bring-back')
    .description('bring files that nodes wrote beside copies to their models; shows them and asks first')
    .option('--dry-run', 'show what would be brought, write nothing')
    .option('--overwrite', 'also where the file beside the model has changed meanwhile')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', notes)
    .action(run(bringAllBack));
}

async function bringAllBack(session: Session, options: Options): Promise<Answer> {
  const client = await clientOf(session);
  const { files } = await client.written();
  const plans = await Promise.all(files.map(planBringBack));
  const isWanted = ({ step }: BringBackPlan) => step !== 'away' && (step !== 'changed' || options.overwrite === true);
  const wanted = plans.filter(isWanted);
  const plan = { dryRun: true, items: plans.map((one) => itemOf(one, isWanted(one) ? null : 'left')) };
  if (options.dryRun || wanted.length === 0) return answer(plan);
  if (!options.yes) {
    assertCanAsk(session, 'bring-back asks before it writes', {
      hint: 'add --yes to write without asking, or --dry-run to see what would be written',
    });
    session.err.write(`${bringBackPage(plan, lookOf(session.err))}\n`);
    const question = `Write ${counted(wanted.length, 'file')} beside the models?`;
    if (!(await confirm(question, session))) return { data: plan, page: () => 'nothing written', exitCode: exitCodes.failed };
  }
  const items: BroughtBack['items'] = [];
  for (const one of plans) items.push(isWanted(one) ? await carryOut(one) : itemOf(one, 'left'));
  const done = new Set(items.filter(({ outcome }) => outcome === 'done').map(({ path }) => path));
  await client.broughtBack({ files: files.filter(({ path }) => done.has(path)) });
  return answer({ dryRun: false, items });
}

async function carryOut(plan: BringBackPlan): Promise<BroughtBack['items'][number]> {
  try {
    await bringBack(plan);
    return itemOf(plan, 'done');
  } catch (error) {
    return { ...itemOf(plan, 'failed'), why: sentenceOf(error) };
  }
}

function itemOf({ file, step }: BringBackPlan, outcome: 'done' | 'left' | 'failed' | null): BroughtBack['items'][number] {
  const { path, source, bytes } = file;
  return { path, source, bytes, step, outcome, why: null };
}

function answer(data: BroughtBack): Answer {
  const isWhole = data.items.every(({ outcome }) => outcome === null || outcome === 'done');
  return { data, page: (look) => bringBackPage(data, look), exitCode: isWhole ? exitCodes.done : exitCodes.failed };
}
