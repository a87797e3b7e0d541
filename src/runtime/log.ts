import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
export const logForms = ['pretty', 'json'] as const;
export type LogForm = (typeof logForms)[number];

/** Output of a daemon in the background, in its state directory. */
export const daemonLogName = 'daemon.log';

const names: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };

/** The root logger. `pretty` prints one line a message for people; `json` one object a line for programs. */
export function createLog(options: { level: LogLevel; form: LogForm }, out: NodeJS.WritableStream = process.stderr): Log {
  const destination: DestinationStream =
    options.form === 'json' ? { write: (line) => void out.write(line) } : { write: (line) => void out.write(pretty(line)) };
  return pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

function pretty(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const words = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const cause = err && typeof err === 'object' && 'message' in err ? [`error=${JSON.stringify(err.message)}`] : [];
  const name = names[Number(level)] ?? String(level);
  return `${[String(time).slice(11, 23), name.padEnd(5), msg, ...words, ...cause].join(' ')}\n`;
}
