import { createInterface } from 'node:readline/promises';
import { CacheError } from '../core/errors.ts';
import type { Host, Session } from './session.ts';

const nobody = 'there is nobody to ask here';

function canAsk(session: Session): boolean {
  return session.in.isTTY === true && !session.json;
}

/**
 * @param why what needs an answer, as the begin of a sentence
 * @throws CacheError BAD_REQUEST when there is no terminal to ask at
 */
export function assertCanAsk(session: Session, why: string, { hint }: { hint: string }): void {
  if (!canAsk(session)) throw new CacheError('BAD_REQUEST', `${why}, and ${nobody}`, { hint });
}

/**
 * Shows the cost of an action and asks whether to do it.
 * @throws CacheError BAD_REQUEST, with the cost, when there is no terminal to ask at
 */
export async function agreed(session: Session, cost: string, question: string): Promise<boolean> {
  const hint = 'add --yes to do it without asking';
  if (!cost.includes('\n')) assertCanAsk(session, cost, { hint });
  if (!canAsk(session))
    throw new CacheError('BAD_REQUEST', `this needs a yes, and ${nobody}:`, { lines: cost.split('\n'), hint });
  session.err.write(`${cost}\n`);
  return confirm(question, session);
}

/**
 * The same for things named by the user: a script without a terminal is not asked, but sees the cost before the action.
 */
export async function agreedOrTold(session: Session, cost: string, question: string): Promise<boolean> {
  if (canAsk(session)) return agreed(session, cost, question);
  if (!session.json) session.err.write(`${cost}\n`);
  return true;
}

/** Asks on the terminal; only `y` and `yes` agree. The end of the input means no. */
export async function confirm(question: string, { in: input, err }: Host): Promise<boolean> {
  const lines = createInterface({ input, output: err });
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
