import { createInterface } from 'node:readline/promises';
import type { Host } from './session.ts';

/** Asks on the terminal; only `y` and `yes` agree. The end of the input is a no. */
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
