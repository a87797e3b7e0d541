import { counted } from '../../core/format.ts';
import { plain, plainLines } from '../../core/printable.ts';
import type { Finding } from '../doctor/finding.ts';
import type { Look } from './look.ts';

interface Report {
  ok: number;
  warn: number;
  fail: number;
  findings: Finding[];
}

const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** The page of `autocached doctor`: one line a finding, and below it the remedy. */
export function doctorPage({ ok, warn, fail, findings }: Report, { paint }: Look): string {
  const lines = findings.flatMap(({ check, verdict, says, todo }) => {
    const line = `${paint(colours[verdict], verdict.padEnd(4))}  ${check.padEnd(9)}  ${linesOf(says)}`;
    return todo === null ? [line] : [line, `${' '.repeat(17)}${paint('dim', 'do:')} ${plain(todo)}`];
  });
  const sum = `${counted(fail, 'failure')}, ${counted(warn, 'warning')}, ${ok} in order`;
  return [...lines, '', paint('bold', sum)].join('\n');
}

/** A finding of several lines, below each other. */
function linesOf(text: string): string {
  return plainLines(text).replaceAll('\n', `\n${' '.repeat(17)}`);
}
