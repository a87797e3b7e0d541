import { Command } from 'commander';
import { describe } from '../describe.ts';
import type { Run } from '../session.ts';
import { type CommandFacts, factsOf } from './tree.ts';

/** Adds every command to a program when there are no arguments. */
export type AddCommands = (program: Command, run: Run, args: string[]) => Promise<void>;

/** The program with all of its commands. */
export async function allFacts(addCommands: AddCommands): Promise<CommandFacts> {
  const program = new Command('autocached');
  describe(program);
  await addCommands(program, () => async () => {}, []);
  return factsOf(program);
}
