import type { IncomingMessage } from 'node:http';
import { type Address, type Answer, BlobBody, CallTimeout, Connection, type Request, readText } from './connection.ts';
import { deadline } from './deadline.ts';

/** JSON to be sent as it was written: its numbers may have more digits than JavaScript's. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** One request to the daemon. Uses node:http because fetch() gives up on an answer that takes over five minutes. */
export interface Call {
  method: string;
  path: string;
  /** As JSON; or a `BlobBody`. */
  body?: unknown;
  /** Gives up when it aborts. */
  signal?: AbortSignal;
  /** Identity of the client's process, see `runtime/processes.ts`; null or left out where it is not known. */
  process?: string | null;
  /** Longest wait for the connection, in ms. */
  connectMs: number;
  /** Longest wait for the whole answer, in ms; null = no timeout. */
  answerMs: number | null;
}

export interface CallAnswer {
  status: number;
  text: string;
}

const largestAnswer = 256 * 1024 ** 2;

/** The proven connections of a program to its daemon; those that are free are used again. */
export class DaemonCalls {
  #kept: { address: Address; connection: Connection }[] = [];

  /** @throws NotTheDaemon, Error from node:http when there is no connection or it breaks, `CallTimeout` when it takes too long */
  async call(to: Address, call: Call): Promise<CallAnswer> {
    const overdue = new AbortController();
    const signal = call.signal ? AbortSignal.any([overdue.signal, call.signal]) : overdue.signal;
    const cancel = deadline(call.answerMs, () => overdue.abort(new CallTimeout(`no answer within ${call.answerMs} ms`)));
    try {
      const { answer, connection } = await this.#send(to, call, signal);
      const whole = await readWhole(answer, connection);
      this.#kept.push({ address: to, connection });
      return whole;
    } catch (error) {
      if (overdue.signal.aborted) throw overdue.signal.reason;
      throw error;
    } finally {
      cancel();
    }
  }

  /** The answer's body as it comes, until `signal` aborts; an error as a whole. Throws as `call` does. */
  async stream(to: Address, call: Call, signal: AbortSignal): Promise<IncomingMessage | CallAnswer> {
    const { answer, connection } = await this.#send(to, call, signal);
    if (answer.response.statusCode !== 200) return readWhole(answer, connection);
    answer.assertProven({ stream: true });
    answer.response.once('close', () => connection.close());
    return answer.response;
  }

  close(): void {
    for (const { connection } of this.#kept.splice(0)) connection.close();
  }

  async #send(to: Address, call: Call, signal: AbortSignal, mayReuse = true): Promise<Sent> {
    const { method, path, body, process } = call;
    const request: Request = {
      method,
      path,
      ...(process && { process }),
      ...(body !== undefined && { body: asSent(body) }),
    };
    const kept = mayReuse ? this.#take(to) : undefined;
    const connection = kept ?? (await Connection.open(to, call.connectMs, signal));
    try {
      return { answer: await connection.send(request, signal), connection };
    } catch (error) {
      connection.close();
      // The daemon closed a kept connection just now: nothing was answered, and a new connection may succeed.
      const ended = kept && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      if (ended && !signal.aborted) return this.#send(to, call, signal, false);
      throw error;
    }
  }

  /** A free connection to that daemon; those to an earlier one are closed. */
  #take({ url, token }: Address): Connection | undefined {
    const isCurrent = ({ address }: { address: Address }) => url === address.url && token === address.token;
    for (const { connection } of this.#kept.filter((one) => !isCurrent(one))) connection.close();
    this.#kept = this.#kept.filter(isCurrent);
    return this.#kept.pop()?.connection;
  }
}

function asSent(body: unknown): string | BlobBody {
  if (body instanceof BlobBody) return body;
  return body instanceof JsonText ? body.text : JSON.stringify(body);
}

interface Sent {
  answer: Answer;
  connection: Connection;
}

async function readWhole({ response, assertProven }: Answer, connection: Connection): Promise<CallAnswer> {
  try {
    const text = await readText(response, largestAnswer);
    assertProven(text);
    return { status: response.statusCode ?? 0, text };
  } catch (error) {
    connection.close();
    throw error;
  }
}
