import { Argument, type Command } from 'commander';
import { type Mode, modes } from '../../core/types.ts';
import { modeTerms } from '../../core/vocabulary.ts';
import { clientOf, type Run } from '../session.ts';

export function addMode(program: Command, run: Run): void {
  program
    .command('mode')
    .description('show or change the mode')
    .addArgument(new Argument('[mode]', 'the new mode').choices(modes))
    .action(
      run(async (session, wanted: Mode | undefined) => {
        const client = await clientOf(session);
        if (wanted) await client.changeConfig({ mode: wanted });
        const { mode } = await client.stats();
        return { data: { mode }, page: (look) => `${look.paint('bold', mode)}: ${modeTerms[mode].says}` };
      }),
    );
}
