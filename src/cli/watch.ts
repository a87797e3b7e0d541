import { setTimeout as sleep } from 'node:timers/promises';
import { escapedJson } from '../core/printable.ts';
import type { Answer } from './print.ts';
import type { Session } from './session.ts';
import { lookOf, type Screen } from './text/look.ts';

/** Moves to the top left corner of the terminal; the rest of a line, and of the screen, is cleared behind the new text. */
const home = '\x1b[H';
const clearLine = '\x1b[K';
const clearBelow = '\x1b[J';
/** In raw mode Ctrl-C and Ctrl-D are keys like others. */
const endKeys: ReadonlySet<string> = new Set(['q', 'Q', '\x03', '\x04']);

/**
 * Shows the answer repeatedly until q, Ctrl-C, or the reader of the output is gone: on a terminal in place and again when its size
 * changes, as JSON in one line each. Nothing is cleared before it is written over, so only changes are visible.
 */
export async function watch(session: Session, show: () => Promise<Answer>, everyMs: number): Promise<undefined> {
  const { out, json } = session;
  const ended = new AbortController();
  const signal = AbortSignal.any([session.unread, ended.signal]);
  using _keys = onEndKey(session.in, () => ended.abort());
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const answer = await show();
    if (signal.aborted) break;
    if (json) out.write(`${escapedJson(JSON.stringify(answer.data))}\n`);
    else if (out.isTTY) out.write(isFirst ? `${home}${clearBelow}${inPlace(answer, out)}` : inPlace(answer, out));
    else out.write(`${answer.page(lookOf(out))}\n\n`);
    await pause(everyMs, out, signal);
  }
  if (!json && out.isTTY) out.write('\n');
}

function inPlace(answer: Answer, out: Screen): string {
  // A page that is longer than the screen would scroll away with each turn.
  const lines = answer
    .page(lookOf(out))
    .split('\n')
    .slice(0, Math.max(1, (out.rows ?? Number.POSITIVE_INFINITY) - 1));
  return `${home}${lines.map((line) => `${line}${clearLine}\n`).join('')}${clearBelow}`;
}

/** Ends early when the terminal has another size. */
async function pause(ms: number, out: Screen, signal: AbortSignal): Promise<void> {
  const resized = new AbortController();
  const wake = () => resized.abort();
  out.once('resize', wake);
  await sleep(ms, null, { signal: AbortSignal.any([signal, resized.signal]) }).catch(() => {});
  out.off('resize', wake);
}

type Keyboard = Session['in'] & { setRawMode?: (raw: boolean) => void };

/** Raw mode: otherwise a key would be shown in the page, and arrive only at the end of a line. */
function onEndKey(input: Keyboard, end: () => void): Disposable {
  if (!input.isTTY) return { [Symbol.dispose]: () => {} };
  const pressed = (keys: Buffer | string) => {
    if ([...String(keys)].some((key) => endKeys.has(key))) end();
  };
  input.setRawMode?.(true);
  input.on('data', pressed);
  input.resume();
  return {
    [Symbol.dispose]() {
      input.off('data', pressed);
      input.setRawMode?.(false);
      input.pause();
    },
  };
}
