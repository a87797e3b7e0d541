import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf } from '../src/core/errors.ts';

type Orders = Record<string, (...args: never[]) => unknown>;
type Question = { id: number; order: string; args: unknown[] };
type Answer = { id: number; answer?: unknown; error?: string };

/** Answers the orders of the process that started this one with an IPC channel, and ends with that process. */
export function serveOrders(orders: Orders): void {
  process.on('message', async ({ id, order, args }: Question) => {
    let answer: Answer;
    try {
      answer = { id, answer: await orders[order]?.(...(args as never[])) };
    } catch (error) {
      answer = { id, error: messageOf(error) };
    }
    if (process.connected) process.send?.(answer);
  });
  process.once('disconnect', () => process.exit());
}

/** A process that serves orders. */
export class OrderedProcess<O extends Orders> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  /** @param command a program and its arguments, which run one that calls `serveOrders` */
  constructor([program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(program, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    const end = (why: string) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${args.at(-1)}: ${why}`));
      this.#waiting.clear();
    };
    child.on('message', ({ id, answer, error }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(answer);
      else waiting?.reject(new Error(error));
    });
    child.once('error', (error) => end(error.message));
    child.once('exit', () => end('the process has ended'));
  }

  /** @throws the error of the order, or an error when the process has ended */
  async ask<K extends keyof O & string>(order: K, ...args: Parameters<O[K]>): Promise<Awaited<ReturnType<O[K]>>> {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#child.send({ id, order, args } satisfies Question, (error) => error && waiting.reject(error));
    return (await waiting.promise) as Awaited<ReturnType<O[K]>>;
  }
}
