import Sqlite from 'better-sqlite3';
import { onTestFinished, vi } from 'vitest';

/**
 * Until the test ends, a new SQLite connection that would wait for a lock for a second or more waits so long that the test fails, on
 * any machine. @returns the waits that were asked for
 */
export function endlessLocks(): string[] {
  const asked: string[] = [];
  const { pragma } = Sqlite.prototype;
  vi.spyOn(Sqlite.prototype, 'pragma').mockImplementation(function (this: Sqlite.Database, text, options) {
    if (!/^busy_timeout = \d{4,}$/.test(text)) return pragma.call(this, text, options);
    asked.push(text);
    return pragma.call(this, 'busy_timeout = 600000', options);
  });
  onTestFinished(() => void vi.restoreAllMocks());
  return asked;
}
