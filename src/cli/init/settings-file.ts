import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writePrivately } from '../../runtime/private-file.ts';

/** A settings file before and after a change. */
export interface Draft {
  path: string;
  /** Null = there is none yet. */
  before: string | null;
  after: string;
}

/** The file with these settings: each in its line, new ones at the end; everything else stays. */
export function draftOf(path: string, settings: Readonly<Record<string, string>>): Draft {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : null;
  const left = new Map(Object.entries(settings));
  const lines = (before ?? '# Settings of autocached; `autocached config` shows all of them.\n').trimEnd().split('\n');
  const kept = lines.map((line) => {
    const [, key = ''] = /^\s*(?:export\s+)?(\w+)\s*=/.exec(line) ?? [];
    const value = left.get(key);
    if (value === undefined) return line;
    left.delete(key);
    return `${key}=${quoted(value)}`;
  });
  const added = [...left].map(([key, value]) => `${key}=${quoted(value)}`);
  return { path, before, after: `${[...kept, ...added].join('\n')}\n` };
}

/** Quoted for dotenv. */
function quoted(value: string): string {
  if (/^[\w./:;=%,-]*$/.test(value)) return value;
  return value.includes("'") ? `"${value}"` : `'${value}'`;
}

/** Writes it completely or not at all; the former file stays beside it. */
export function writeDraft({ path, before, after }: Draft): { backup: string | null } {
  mkdirSync(dirname(path), { recursive: true });
  const backup = before === null ? null : `${path}.bak`;
  if (backup !== null && before !== null) writePrivately(backup, before);
  writePrivately(path, after);
  return { backup };
}
