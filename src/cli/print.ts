import { type CacheError, toCacheError } from '../core/errors.ts';
import { escapedJson, plain, plainLines } from '../core/printable.ts';
import { widthOf, wrap } from './text/fit.ts';
import { type Look, lookOf, type Screen } from './text/look.ts';

/** The output of a command: the data for programs, and the same as a page for people. */
export interface Answer {
  /** The output of `--json`: exactly the API's answer. */
  data: unknown;
  page: (look: Look) => string;
  /** Left out = done. */
  exitCode?: number;
}

/** Destination of the output, and its reader. */
interface Output {
  out: Screen;
  err: Screen;
  json: boolean;
  /** Replaces `autocached` in commands within a text by the name by which a person calls this program. */
  named: (text: string) => string;
}

/** The exit code for the shell. */
export const exitCodes = { done: 0, failed: 1, wrongUse: 2, notRunning: 3, difference: 4 } as const;

/** Prints an answer to standard output. Answers the exit code. */
export function printAnswer(answer: Answer, to: Output): number {
  const look = lookOf(to.out);
  const text = to.json ? jsonOf(answer.data) : namedPage(answer.page(look), to.named, look.width);
  if (text !== '') to.out.write(`${text}\n`);
  return answer.exitCode ?? exitCodes.done;
}

/** Prints an error: for people to standard error, for programs the API's error body to standard output. */
export function printError(thrown: unknown, to: Output): number {
  const error = toCacheError(thrown);
  if (to.json) {
    to.out.write(`${jsonOf({ error: error.body })}\n`);
  } else {
    const { paint, width } = lookOf(to.err);
    to.err.write(`${paint('red', 'autocached:')} ${hanging(plainLines(to.named(error.message)), 12, width)}\n`);
    if (error.hint) to.err.write(`  ${paint('dim', 'hint:')} ${hanging(plain(to.named(error.hint)), 8, width)}\n`);
  }
  return exitCodeOf(error);
}

/**
 * A page with the person's name for this program. A line that this makes too wide continues below its last column; a command on a line of
 * its own that is too wide under any name stays whole, to be copied.
 */
function namedPage(page: string, named: Output['named'], width: number | null): string {
  const lines = page.split('\n').map((line) => {
    const own = named(line);
    const isCommand = width !== null && /^ +autocached /.test(line) && widthOf(line) > width;
    if (width === null || own === line || widthOf(own) <= width || isCommand) return own;
    const columns = /^.{0,40} {2,}(?=\S)/.exec(own)?.[0] ?? '';
    return `${columns}${hanging(own.slice(columns.length), widthOf(columns), width)}`;
  });
  return lines.join('\n');
}

/** A text that begins at column `indent`: on a terminal, its further lines do so too. Paths stay whole, to be copied. */
function hanging(text: string, indent: number, width: number | null): string {
  if (width === null) return text;
  const lines = text.split('\n').flatMap((line) => wrap(line, width - indent, { whole: true }).split('\n'));
  return lines.join(`\n${' '.repeat(indent)}`);
}

function jsonOf(data: unknown): string {
  return escapedJson(JSON.stringify(data, null, 2));
}

function exitCodeOf(error: CacheError): number {
  if (error.code === 'NOT_RUNNING') return exitCodes.notRunning;
  return error.code === 'BAD_REQUEST' || error.code === 'BAD_CONFIG' ? exitCodes.wrongUse : exitCodes.failed;
}
