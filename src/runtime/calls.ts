import { createBirpc } from 'birpc';
import { CacheError, type ErrorBody, toCacheError } from '../core/errors.ts';

/** A channel for messages, in both directions and in order. */
export interface Port {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** The functions at the other end of a channel, as called from this end. */
export interface Calls<Remote extends object> {
  /** Resolves with the answer. @throws CacheError the error of the other end, or the one that ended the channel */
  readonly call: { [Name in keyof Remote]: Called<Remote[Name]> };
  /** Expects no answer. Sends nothing after the end. */
  readonly tell: { [Name in keyof Remote]: (...args: ArgumentsOf<Remote[Name]>) => void };
  /** Ends the channel: present and later calls fail with this error. */
  end(error: CacheError): void;
}

type ArgumentsOf<F> = F extends (...args: infer Args) => unknown ? Args : never;
type Called<F> = F extends (...args: infer Args) => infer Result ? (...args: Args) => Promise<Awaited<Result>> : never;

interface Message {
  /** `q` is a request, `s` an answer. */
  t: 'q' | 's';
  /** The error of a call that failed. */
  e?: unknown;
}

/** Calls across a channel. Arguments and results are data; an error arrives with code, message and hint. There is no time-out. */
export function callsOver<Remote extends object, Local extends object>(port: Port, functions: Local): Calls<Remote> {
  let ended: CacheError | null = null;
  const rpc = createBirpc<Record<string, (...args: unknown[]) => unknown>, Local>(functions, {
    post(message: Message) {
      if (ended === null) port.send(message);
      else if (message.t === 'q') throw ended;
    },
    on: (listener) => port.onMessage(listener),
    serialize: (message: Message) => (message.e === undefined ? message : { ...message, e: toCacheError(message.e).body }),
    deserialize: (message: Message) =>
      message.e === undefined ? message : { ...message, e: fromBody(message.e as ErrorBody) },
    bind: 'functions',
    timeout: -1,
  });
  const tell = new Proxy(
    {},
    {
      get:
        (_, name: string) =>
        (...args: unknown[]) =>
          void rpc.$callEvent(name, ...args).catch(() => {}),
    },
  );
  return {
    call: rpc as unknown as Calls<Remote>['call'],
    tell: tell as Calls<Remote>['tell'],
    end(error) {
      ended ??= error;
      void rpc.$rejectPendingCalls(({ reject }) => reject(error));
    },
  };
}

function fromBody({ code, message, hint }: ErrorBody): CacheError {
  return new CacheError(code, message, hint === null ? {} : { hint });
}
