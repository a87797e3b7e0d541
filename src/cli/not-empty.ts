import type { Command } from 'commander';
import { CacheError } from '../core/errors.ts';

/** Arguments that may be empty: texts, and the words of a command to run. */
const texts = /<text>|<words>/;
const ownWords = ['command', 'slot=value'];

/**
 * An empty word comes from an unset variable of a shell. As a path it would mean the working directory, as a filter everything.
 * @throws CacheError BAD_REQUEST when an option or an argument of this command is empty
 */
export function assertNotEmpty(command: Command): void {
  const given: [string, unknown][] = [];
  for (let at: Command | null = command; at; at = at.parent) {
    for (const option of at.options)
      if (!texts.test(option.flags)) given.push([`--${option.name()}`, at.getOptionValue(option.attributeName())]);
  }
  command.registeredArguments.forEach((argument, at) => {
    if (!ownWords.includes(argument.name())) given.push([argument.name(), command.processedArgs[at]]);
  });
  for (const [name, value] of given) {
    if ([value].flat().some((word) => typeof word === 'string' && word.trim() === ''))
      throw new CacheError('BAD_REQUEST', `${name} is empty`);
  }
}
