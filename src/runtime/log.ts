import { fstatSync, statSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import { escaped, escapedJson } from '../core/printable.ts';
import { errnoOf } from './errnos.ts';

export type Log = Logger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
type LogLevel = (typeof logLevels)[number];
export const logForms = ['pretty', 'json'] as const;
type LogForm = (typeof logForms)[number];

/** Log file of a daemon in the background, in its state directory. */
export const daemonLogName = 'daemon.log';

const names: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };

/** `pretty` prints one readable line per message; `json` one object per line for programs. */
export interface LogOptions {
  level: LogLevel;
  form: LogForm;
}

const forms = new WeakMap<Log, LogForm>();

/** The root logger. */
export function createLog(options: LogOptions, out: NodeJS.WritableStream = process.stderr): Log {
  hearErrors(out);
  const write = (line: string) => void out.write(forms.get(log) === 'json' ? escapedJson(line) : `${escaped(pretty(line))}\n`);
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
  adjustLog(log, options);
  return log;
}

const heard = new WeakSet<NodeJS.WritableStream>();

/** Ignores errors of the log: an unwritable log, as on a full disk, must not end the daemon. */
function hearErrors(out: NodeJS.WritableStream): void {
  if (heard.has(out)) return;
  heard.add(out);
  out.on('error', () => {});
}

/** Changes level and form of later messages. */
export function adjustLog(log: Log, { level, form }: LogOptions): void {
  log.level = level;
  forms.set(log, form);
}

/** Whether a descriptor of this process, such as its standard output, is that file. False for a descriptor that cannot be asked. */
export function isOpenAs(file: string, fd: number): boolean {
  const there = statSync(file, { bigint: true, throwIfNoEntry: false });
  if (!there?.isFile()) return false;
  try {
    const open = fstatSync(fd, { bigint: true });
    return there.ino === open.ino && there.dev === open.dev;
  } catch (error) {
    // Windows starts some processes with an output that they may write to but not stat.
    if (errnoOf(error) === 'EBADF') return false;
    throw error;
  }
}

function pretty(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const words = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const cause = err && typeof err === 'object' && 'message' in err ? [`error=${JSON.stringify(err.message)}`] : [];
  const name = names[Number(level)] ?? String(level);
  return [String(time).slice(11, 23), name.padEnd(5), msg, ...words, ...cause].join(' ');
}
