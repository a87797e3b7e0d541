import { Command } from 'commander';
import { version } from '../runtime/package.ts';

const examples = `
Examples:
  autocached init
  autocached start --roots /mnt/nas/models --detach
  autocached comfyui install ~/ComfyUI
  autocached warm checkpoints/sd_xl_base_1.0.safetensors
  autocached status

Exit codes: 0 done, 1 failed, 2 wrong use, 3 daemon not running, 4 check found a
difference`;

/** Minimum columns left for descriptions at which they are wrapped. */
const minWidthToWrap = 24;

/** The program itself: its options, which every command has, and its help. */
export function describe(program: Command): void {
  program
    .description('Keeps the model weights you are using on the fastest disk of the machine.')
    .option('--json', 'print JSON, for programs')
    .option('--state <dir>', 'state directory, where the daemon is found (default: AUTOCACHE_STATE)')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .addHelpCommand(helpCommand().helpGroup('What it does:'))
    .addHelpText('after', examples)
    .configureHelp({ showGlobalOptions: true, minWidthToWrap });
}

/** The same for commands that have commands, without the program's group. */
export function describeCommands(program: Command): void {
  for (const command of program.commands) if (command.commands.length > 0) command.addHelpCommand(helpCommand());
}

function helpCommand(): Command {
  return new Command('help').argument('[command]').description('show help on a command');
}
