import { counted } from '../../core/format.ts';
import { plain, plainLines } from '../../core/printable.ts';
import type { Finding } from '../doctor/finding.ts';
import { wrap } from './fit.ts';
import type { Look } from './look.ts';

interface Report {
  ok: number;
  warn: number;
  fail: number;
  findings: Finding[];
}

/** Columns at the beginning of a line; texts are wrapped below each other. */
const margin = 17;

const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** The page of `autocached doctor`: one line a finding, and below it the remedy. */
export function doctorPage({ ok, warn, fail, findings }: Report, { paint, width }: Look): string {
  const lines = findings.flatMap(({ check, verdict, says, todo }) => {
    const line = `${paint(colours[verdict], verdict.padEnd(4))}  ${check.padEnd(9)}  ${linesOf(check === 'config' ? plainLines(says) : plain(says), width)}`;
    return todo === null
      ? [line]
      : [line, `${' '.repeat(margin)}${paint('dim', 'do:')} ${linesOf(plain(todo), width, margin + 4)}`];
  });
  const sum = `${counted(fail, 'failure')}, ${counted(warn, 'warning')}, ${ok} in order`;
  return [...lines, '', paint('bold', sum)].join('\n');
}

/** A text wrapped below itself, within the width of the page. */
function linesOf(text: string, width: number | null, from = margin): string {
  const lines = text.split('\n');
  const fitting = width === null ? lines : lines.flatMap((line) => wrap(line, width - from).split('\n'));
  return fitting.join(`\n${' '.repeat(from)}`);
}
