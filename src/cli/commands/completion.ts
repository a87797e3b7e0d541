import { Argument, type Command } from 'commander';
import { version } from '../../runtime/package.ts';
import { type AddCommands, allFacts } from '../reference/all.ts';
import { completionScript, type Shell, shells } from '../reference/completion.ts';
import { manPage } from '../reference/manual.ts';
import type { Run } from '../session.ts';

/** @param addCommands adds all commands to a program */
export function addCompletion(addCommands: AddCommands): (program: Command, run: Run) => void {
  return (program, run) => addTo(program, run, addCommands);
}

function addTo(program: Command, run: Run, addCommands: AddCommands): void {
  program
    .command('completion')
    .description('print the script by which a shell completes commands and options')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .action(
      run(async (_session, shell: Shell) => {
        const script = completionScript(shell, await allFacts(addCommands));
        return { data: { shell, script }, page: () => script.trimEnd() };
      }),
    );
  program
    .command('man')
    .description('print the man page')
    .action(
      run(async () => {
        const page = manPage(await allFacts(addCommands), version);
        return { data: { page }, page: () => page.trimEnd() };
      }),
    );
}
