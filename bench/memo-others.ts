/** The stores that results are compared with: Python's in an environment of their own, Redis, and Keyv over SQLite. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Keyv } from 'keyv';
import { freePort } from './free-port.ts';

/** A Python with diskcache and joblib; null when they cannot be installed. */
export function pythonWithOthers(dir: string): string | null {
  const venv = join(dir, 'venv');
  const python = join(venv, 'bin', 'python');
  const runs = (...[program, ...args]: [string, ...string[]]) => spawnSync(program, args, { stdio: 'ignore' }).status === 0;
  const isThere =
    runs('python3', '-m', 'venv', venv) && runs(python, '-m', 'pip', 'install', 'diskcache==5.6.3', 'joblib==1.6.0');
  return isThere ? python : null;
}

export interface Redis {
  port: number;
  end(): Promise<void>;
}

/** A server of its own, without files; null when redis-server is not installed. */
export async function startRedis(dir: string): Promise<Redis | null> {
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir], {
    stdio: 'ignore',
  });
  const started = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.once('spawn', () => resolve(true));
  });
  if (!started) return null;
  process.once('exit', () => child.kill('SIGKILL'));
  await sleep(1000);
  const end = async () => {
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  };
  return { port, end };
}

/** Keyv over SQLite, with the statements of its own adapter, whose package has to compile its driver. */
export function keyvOverSqlite(dir: string): Keyv {
  const db = new Database(join(dir, 'keyv.sqlite'));
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE keyv (key VARCHAR(255) PRIMARY KEY, value TEXT)');
  const get = db.prepare<[string], { value: string }>('SELECT * FROM keyv WHERE key = ?');
  const set = db.prepare('INSERT INTO keyv (key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value');
  const store = {
    opts: { dialect: 'sqlite', url: '' },
    on: () => store,
    get: async (key: string) => get.get(key)?.value,
    set: async (key: string, value: string) => set.run(key, value),
    delete: async () => false,
    clear: async () => {},
  };
  return new Keyv({ store });
}
