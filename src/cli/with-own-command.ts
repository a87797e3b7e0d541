import { commandNames } from './commands.ts';
import { ownCommand } from './own-command.ts';
import type { Host } from './session.ts';

const named = new RegExp(`(?<![\\w./\\\\-])autocached(?= (?:${commandNames.join('|')}|--help)\\b)`, 'g');

/** Puts a call of this program in the place of `autocached` in each command that a text names, so that it can be typed. */
export function withOwnCommand(text: string, { self, cwd }: Pick<Host, 'self' | 'cwd'>): string {
  return text.replace(named, () => ownCommand(self, cwd));
}
