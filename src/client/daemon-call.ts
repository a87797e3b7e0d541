import { type Agent, type IncomingMessage, request as openRequest } from 'node:http';

/** One request to the daemon. Uses node:http because fetch() gives up on an answer that takes over five minutes. */
export interface Call {
  url: string;
  method: string;
  path: string;
  token: string;
  agent: Agent;
  body?: unknown;
  /** Longest wait for the connection, in ms. */
  connectMs: number;
  /** Longest wait for the whole answer, in ms; null = for ever. */
  answerMs: number | null;
}

export interface CallAnswer {
  status: number;
  text: string;
}

/** The daemon took too long: to accept the connection, or to answer. */
export class CallTimeout extends Error {
  override name = 'CallTimeout';
}

const largestAnswer = 256 * 1024 ** 2;

/** @throws Error from node:http when there is no connection or it breaks, `CallTimeout` when it takes too long. */
export async function callDaemon(call: Call): Promise<CallAnswer> {
  const overdue = new AbortController();
  const cancel = deadline(call.answerMs, () => overdue.abort(new CallTimeout(`no answer within ${call.answerMs} ms`)));
  try {
    const response = await openResponse(call, overdue.signal);
    return { status: response.statusCode ?? 0, text: await readText(response) };
  } catch (error) {
    if (overdue.signal.aborted) throw overdue.signal.reason;
    throw error;
  } finally {
    cancel();
  }
}

/** The answer once its head is there; its body streams until `signal` aborts. */
export async function openResponse(call: Call, signal: AbortSignal, mayRetry = true): Promise<IncomingMessage> {
  const outgoing = openRequest(new URL(call.path, call.url), { method: call.method, agent: call.agent, signal });
  outgoing.setHeader('authorization', `Bearer ${call.token}`);
  const sent = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
  });
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    const cancel = deadline(call.connectMs, () =>
      outgoing.destroy(new CallTimeout(`no connection within ${call.connectMs} ms`)),
    );
    socket.once('connect', cancel);
    outgoing.once('close', cancel);
  });
  if (call.body !== undefined) outgoing.setHeader('content-type', 'application/json');
  outgoing.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  try {
    return await sent;
  } catch (error) {
    // The daemon has just closed this kept connection without an answer: a new connection may do.
    const closed = outgoing.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
    if (closed && mayRetry && !signal.aborted) return openResponse(call, signal, false);
    throw error;
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    if (text.length > largestAnswer) throw new Error('the answer is too large');
  }
  return text;
}

/**
 * Calls `late` after `ms` unless cancelled. After a longer busy phase, a process sees its timers before the news from its sockets,
 * so the news gets one turn first.
 */
function deadline(ms: number | null, late: () => void): () => void {
  if (ms === null) return () => {};
  let over = false;
  const timer = setTimeout(() => setImmediate(() => over || late()), ms);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
