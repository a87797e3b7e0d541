import type { Command } from 'commander';
import type { ForgetRootsAnswer, RemovalAnswer } from '../../api/api.ts';
import { costText } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { agreed } from '../confirm.ts';
import { rootOf } from '../known-roots.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { removalPage } from '../text/removal-page.ts';

interface Options {
  withCopies?: true;
  yes?: true;
}

const examples = `
For model folders that a program registered and that are no more, such as a
renamed one; those of AUTOCACHE_ROOTS and of ComfyUI's yaml files are removed
there. Only what autocached knows of them is forgotten, never a source.

Examples:
  autocached root forget /mnt/nas/models/old-loras
  autocached root forget /mnt/nas/models/old-loras --with-copies`;

export function addRoot(program: Command, run: Run): void {
  const root = program.command('root').description('model folders that autocached knows');
  root
    .command('forget')
    .description('forget a model folder that is no more')
    .argument('<dir...>', 'as autocached status shows it, or a part of it')
    .option('--with-copies', 'delete its copies too; says how many and asks first')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples)
    .action(run(forget));
}

async function forget(session: Session, dirs: string[], { withCopies, yes }: Options): Promise<Answer> {
  const client = await clientOf(session);
  const paths = await Promise.all(dirs.map((dir) => rootOf(dir, session, client)));
  if (withCopies && !yes) {
    const plans = await Promise.all(paths.map((root) => client.clear({ root, dryRun: true })));
    const sum = (of: (plan: RemovalAnswer) => number) => plans.reduce((total, plan) => total + of(plan), 0);
    const files = sum((plan) => plan.files);
    const cost = costText({
      copies: files,
      of: Math.max(0, ...plans.map((plan) => plan.of)),
      bytes: sum((plan) => plan.bytes),
    });
    if (files > 0 && !(await agreed(session, cost, `Forget ${paths.map(plain).join(', ')} and delete the copies?`)))
      return { data: plans, page: () => 'nothing forgotten', exitCode: exitCodes.failed };
  }
  const data: ForgetRootsAnswer = await client.forgetRoots({ paths, copies: withCopies === true });
  return {
    data,
    page: (look) =>
      [`forgotten: ${paths.map(plain).join(', ')}`, ...(data.removed ? [removalPage(data.removed, look)] : [])].join('\n'),
  };
}
