import { messageOf } from '../core/errors.ts';
import { aliases, ignored, type Understood } from './arena-aliases.ts';
import type { Given } from './env.ts';
import { withoutSecrets } from './problems.ts';

/** The settings of Arena AutoCache, translated to ours. */
export interface ArenaReading {
  /** Values for our keys, by key; each names its Arena keys. */
  given: Map<string, Given>;
  /** How each key was understood; null when no Arena key is set. */
  notice: string | null;
  /** One line each. */
  problems: string[];
}

/**
 * Reads every `ARENA_*` key as an alias of ours. Our own key wins over its alias. Arena keys without a counterpart here, and
 * unknown ones, are only mentioned.
 */
export function readArena(all: ReadonlyMap<string, Given>): ArenaReading {
  // Arena's own settings page writes empty values for unset keys.
  const arena = new Map([...all].filter(([key, { text }]) => /^ARENA_/i.test(key) && text !== ''));
  const reading: ArenaReading = { given: new Map(), notice: null, problems: [] };
  const lines: string[] = [];

  for (const { target, keys, read } of aliases) {
    const present = keys.filter((key) => arena.has(key));
    if (present.length === 0) continue;
    if (all.has(target)) {
      lines.push(...present.map((key) => `${key} is not used, ${target} is set`));
      continue;
    }
    try {
      const understood = read((key) => arena.get(key));
      lines.push(...describe(target, understood, present));
      const [first] = understood.by;
      if (understood.text !== null && first) {
        const key = understood.by.map((given) => given.key).join(' and ');
        reading.given.set(target, { ...first, key, text: understood.text });
      }
    } catch (error) {
      reading.problems.push(messageOf(error));
    }
  }

  const known = new Set(aliases.flatMap(({ keys }) => keys));
  for (const key of arena.keys()) {
    if (!known.has(key)) lines.push(`${key} is ${ignored[key] ?? 'not known, ignored'}`);
  }
  if (lines.length > 0) {
    reading.notice = withoutSecrets(['settings of Arena AutoCache are understood like this:', ...lines].join('\n  '));
  }
  return reading;
}

function describe(target: string, { text, by, why }: Understood, present: readonly string[]): string[] {
  const said = by.map((given) => `${given.key}=${given.text}`).join(' and ');
  const reason = why ? ` (${why})` : '';
  const deciding = by.map(({ key }) => key);
  const others = present.filter((key) => !deciding.includes(key));
  return [
    text === null ? `${said} changes nothing${reason}` : `${said} is ${target}=${text}${reason}`,
    ...others.map((key) => `${key} is not used beside ${deciding.join(' and ')}`),
  ];
}
