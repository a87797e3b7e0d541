import type { Command, Option } from 'commander';

/** A command as completion and manual show it. */
export interface CommandFacts {
  /** Its words, such as `memo list`; empty for the program. */
  path: string;
  description: string;
  usage: string;
  /** The whole help, at 80 columns. */
  help: string;
  /** The notes after the options. */
  notes: string;
  options: OptionFacts[];
  commands: CommandFacts[];
}

export interface OptionFacts {
  /** Flags as help shows them: `-y, --yes`. */
  flags: string;
  long: string;
  short: string | null;
  description: string;
  /** Allowed words; empty = any. */
  choices: readonly string[];
  takesValue: boolean;
}

/** Reads a program whose commands are all added. */
export function factsOf(command: Command, path: readonly string[] = []): CommandFacts {
  const help = helpOf(command);
  return {
    path: path.join(' '),
    description: command.description(),
    usage: `${['autocached', ...path].join(' ')} ${command.usage()}`.trim(),
    help,
    notes: help.slice(command.helpInformation().length).trim(),
    options: [...command.options.filter(({ hidden }) => !hidden).map(optionOf), helpOption],
    commands: command.commands
      .filter((child) => child.name() !== 'help')
      .map((child) => factsOf(child, [...path, child.name()])),
  };
}

const helpOption: OptionFacts = {
  flags: '-h, --help',
  long: '--help',
  short: '-h',
  description: 'show help',
  choices: [],
  takesValue: false,
};

function optionOf({ flags, long, short, description, argChoices, required, optional }: Option): OptionFacts {
  return {
    flags,
    long: long ?? '',
    short: short ?? null,
    description,
    choices: argChoices ?? [],
    takesValue: required || optional,
  };
}

function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return help;
}

/** A command and all below it, outer ones first. */
export function allCommands(facts: CommandFacts): CommandFacts[] {
  return [facts, ...facts.commands.flatMap(allCommands)];
}
