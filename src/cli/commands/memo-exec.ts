import type { Command } from 'commander';
import { type ExecOptions, execOnce } from '../exec/exec.ts';
import { collect, lifetime, namespace } from '../options.ts';
import type { Answer } from '../print.ts';
import type { Run } from '../session.ts';

const more = `
Prints what the command printed, makes its output files again and exits with 0
when it has succeeded before with the same key. A command that fails is run
again each time. Without the daemon the command is run. What is piped into it is
part of the key with --stdin only.

Examples:
  autocached memo exec --file scene.blend --output scene.png -- blender -b scene.blend -o scene.png
  autocached memo exec --anywhere --file main.c --env CC --output main.o -- cc -c main.c -o main.o
  cat notes.txt | autocached memo exec --stdin -- summarise`;

export function addMemoExec(memo: Command, run: Run): void {
  memo
    .command('exec')
    .description('run a command once per key; later runs get what it printed and made')
    .argument('<command...>', 'after --')
    .option('--key <text>', 'what the result depends on, in place of the command line and the working directory')
    .option('--file <path>', 'its content is part of the key; may be given several times', collect)
    .option('--env <name>', 'this environment variable is part of the key; may be given several times', collect)
    .option('--output <path>', 'a file that the command makes; may be given several times', collect)
    .option('--anywhere', 'the working directory is not part of the key')
    .option('--stdin', 'its input (stdin) is part of the key: it is read to its end before the command starts')
    .option('--ttl <duration>', 'how long the result is fresh, such as 1h; none = without end', lifetime)
    .option('--tag <tag>', 'a tag of the result, for memo invalidate; may be given several times', collect)
    .option('--ns <name>', 'its namespace', namespace, 'exec')
    .addHelpText('after', more)
    .action(
      run(async (session, argv: string[], options: ExecOptions): Promise<Answer> => {
        const exitCode = await execOnce(session, argv, options);
        return { data: { exitCode }, page: () => '', exitCode };
      }),
    );
}
