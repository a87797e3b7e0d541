import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that goes when the test ends, filled with files (text), folders (null) and links (`-> target`). */
export function tempTree(entries: Record<string, string | null> = {}): string {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'autocached-roots-')));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  fill(top, entries);
  return top;
}

export function fill(top: string, entries: Record<string, string | null>): void {
  for (const [name, content] of Object.entries(entries)) {
    const path = join(top, name);
    mkdirSync(content === null ? path : dirname(path), { recursive: true });
    if (content?.startsWith('-> ')) symlinkSync(content.slice(3), path);
    else if (content !== null) writeFileSync(path, content);
  }
}

/** Gives a file another mtime without touching its size. */
export function touch(path: string, seconds: number): void {
  utimesSync(path, seconds, seconds);
}
