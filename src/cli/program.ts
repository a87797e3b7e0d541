import { Command, CommanderError } from 'commander';
import { CacheError, linesOf, toCacheError } from '../core/errors.ts';
import { addCommands } from './commands.ts';
import { describe } from './describe.ts';
import { assertNotEmpty } from './not-empty.ts';
import { type Answer, exitCodes, printAnswer, printError } from './print.ts';
import { type Host, openSession, type Run } from './session.ts';
import { withOwnCommand } from './with-own-command.ts';

/** Runs one command line and answers the exit code. Never throws: errors have been printed. */
export async function runProgram(args: string[], host: Host): Promise<number> {
  let exitCode: number = exitCodes.done;
  // Words after -- belong to the command to run.
  const json = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined).includes('--json');
  const named = (text: string) => withOwnCommand(text, host);
  const unread = new AbortController();
  // The reader of the output has gone (`autocached list | head`): nobody is left to inform.
  const stopPrinting = () => unread.abort();
  host.out.on('error', stopPrinting);

  const program = new Command('autocached');
  const run: Run =
    (command) =>
    async (...given) => {
      const session = openSession({ ...host, named }, program.opts(), unread.signal);
      const answer: Answer | undefined = await command(session, ...given);
      if (answer) exitCode = printAnswer(answer, session);
    };
  describe(program);
  program
    .configureOutput({
      writeOut: (text) => host.out.write(text),
      writeErr: (text) => json || host.err.write(text),
      // Printed with its exit code, like all errors.
      outputError: () => {},
    })
    .exitOverride()
    .hook('preAction', (_, command) => assertNotEmpty(command));
  await addCommands(program, run, args);

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    const output = { ...host, json, named };
    if (!(error instanceof CommanderError)) exitCode = printError(withHelp(error, args, program), output);
    // Help has been printed by now: as asked for, or as the answer to a call without a command.
    else if (error.exitCode !== 0)
      exitCode = isHelp(error) && !output.json ? exitCodes.wrongUse : printError(wrongUse(error, args, program), output);
  } finally {
    host.out.off('error', stopPrinting);
  }
  return exitCode;
}

function isHelp({ code }: CommanderError): boolean {
  return code === 'commander.help';
}

/** Points to the help of the command, for wrong use without a hint. */
function withHelp(thrown: unknown, args: string[], program: Command): unknown {
  const { code, message, hint } = toCacheError(thrown);
  if (code !== 'BAD_REQUEST' || hint !== null) return thrown;
  const [first, lines] = linesOf(message);
  return new CacheError(code, first, { lines, hint: helpOf(args, program) });
}

function helpOf(args: readonly string[], program: Command): string {
  return ['autocached', ...commandIn(args, program), '--help'].join(' ');
}

/** Commander's errors, in the form of all others. */
function wrongUse(error: CommanderError, args: string[], program: Command): CacheError {
  const [command = '', ...rest] = args.filter((word) => !word.startsWith('-'));
  if (isHelp(error)) {
    // For an unknown command, `help` would print all of it.
    const [asked] = command === 'help' ? rest : [];
    const message = asked === undefined ? 'no command is given' : `unknown command '${asked}'`;
    return new CacheError('BAD_REQUEST', message, { hint: 'autocached --help' });
  }
  const [, message = '', suggestion] =
    /^(?:error: )?(?:command-argument )?(.*?)(?:\n\((Did you mean [^\n]*)\))?$/s.exec(error.message) ?? [];
  return new CacheError('BAD_REQUEST', message, { hint: suggestion ?? helpOf(args, program) });
}

/** The names of the meant command, and of the command it belongs to. */
function commandIn(args: readonly string[], program: Command): string[] {
  const names: string[] = [];
  let at: Command = program;
  for (const word of args) {
    const next = at.commands.find((one) => one.name() === word);
    if (next) {
      names.push(word);
      at = next;
    } else if (names.length > 0) break;
  }
  return names;
}
