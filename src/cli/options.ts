import { InvalidArgumentError } from 'commander';
import { namespaceForm, namespaceWords } from '../api/memo.ts';
import { messageOf } from '../core/errors.ts';
import { parseDuration, parseSize } from '../core/units.ts';

/** Parsers of option values: a bad value is wrong use, and the message names the option. */

export const duration = withCommander(parseDuration);

/** A duration, or `none` for without end; as it was written. */
export const lifetime = withCommander((text: string) => {
  if (text !== 'none') parseDuration(text);
  return text;
});

export const namespace = withCommander((text: string) => {
  if (!namespaceForm.test(text)) throw new Error(`expected ${namespaceWords}, got "${text}"`);
  return text;
});

export const size = withCommander(parseSize);

export const count = withCommander((text: string) => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`expected a whole number from 1, got "${text}"`);
  return Number(text);
});

/** A time in seconds, with or without a unit. */
export const seconds = withCommander((text: string) => (/^\d+$/.test(text) ? count(text) : parseDuration(text) / 1000));

/** For options that may be given several times. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

export function withCommander<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  };
}
