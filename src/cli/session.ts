import { resolve } from 'node:path';
import { stateDirFromEnvironment } from '../config/env.ts';
import { Client } from './client.ts';
import type { Answer } from './print.ts';
import type { Screen } from './text/look.ts';

/** What a run of the program has around it; tests give their own. */
export interface Host {
  out: Screen;
  err: Screen;
  in: NodeJS.ReadableStream & { isTTY?: boolean };
  cwd: string;
  /** The command line that runs this program, for the daemon that `start --detach` starts. */
  self: string[];
  signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
}

/** One command's run: the host, the global options, and the way to the daemon. */
export interface Session extends Host {
  json: boolean;
  /** `--state`, as an absolute path. */
  stateFlag: string | undefined;
  /** Aborts when nobody reads our output any more. */
  unread: AbortSignal;
}

/** Makes a command into an action of commander: opens a session for it and prints its answer. */
export type Run = <A extends unknown[]>(
  command: (session: Session, ...given: A) => Promise<Answer | undefined>,
) => (...given: A) => Promise<void>;

export function stateDirOf(session: Session): string {
  return session.stateFlag ?? stateDirFromEnvironment();
}

/** @throws CacheError `NOT_RUNNING` */
export function clientOf(session: Session): Promise<Client> {
  return Client.find(stateDirOf(session));
}

export function openSession(host: Host, options: { json?: true; state?: string }, unread: AbortSignal): Session {
  const stateFlag = options.state === undefined ? undefined : resolve(host.cwd, options.state);
  return { ...host, json: options.json ?? false, stateFlag, unread };
}
