import { commandNames } from './commands.ts';
import { ownCommand } from './own-command.ts';
import type { Host } from './session.ts';

const named = new RegExp(`(?<![\\w./\\\\-])autocached(?= (?:${commandNames.join('|')}|--help)\\b)`, 'g');

/** Replaces `autocached` in each command in a text by a call of this program, so that it can be typed. */
export function withOwnCommand(text: string, { self, cwd }: Pick<Host, 'self' | 'cwd'>): string {
  return text.replace(named, () => ownCommand(self, cwd));
}
