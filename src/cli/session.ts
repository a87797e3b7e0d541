import { resolve } from 'node:path';
import { stateDirFromEnvironment, stateFromEnvironment } from '../config/env.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import { plain } from '../core/printable.ts';
import { statesElsewhere } from '../runtime/elsewhere.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { killCommand, lockHolder } from '../runtime/lock-holder.ts';
import { Client } from './client.ts';
import type { Answer } from './print.ts';
import type { Screen } from './text/look.ts';
import { shellWord } from './text/shell-word.ts';

/** The environment of a run of the program; tests give their own. */
export interface Host {
  out: Screen;
  err: Screen;
  in: NodeJS.ReadableStream & { isTTY?: boolean };
  cwd: string;
  /** Moves the process into another working directory. */
  chdir?(directory: string): void;
  /** The command line that runs this program, for the daemon that `start --detach` starts. */
  self: string[];
  signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
}

/** One command's run: the host, the global options, and the way to the daemon. */
export interface Session extends Host {
  json: boolean;
  /** See `Output`. */
  named: (text: string) => string;
  /** `--state`, as an absolute path. */
  stateFlag: string | undefined;
  /** Aborts when the reader of the output is gone. */
  unread: AbortSignal;
}

/** Makes a command into an action of commander: opens a session for it and prints its answer. */
export type Run = <A extends unknown[]>(
  command: (session: Session, ...given: A) => Promise<Answer | undefined>,
) => (...given: A) => Promise<void>;

export function stateDirOf(session: Session): string {
  return session.stateFlag ?? stateDirFromEnvironment();
}

/** The daemon of the state directory, or one with its state elsewhere. @throws CacheError `NOT_RUNNING` */
export async function clientOf(session: Session): Promise<Client> {
  try {
    return await Client.find(stateDirOf(session));
  } catch (error) {
    const { code, cause } = toCacheError(error);
    if (code !== 'NOT_RUNNING' || errnoOf(cause) !== 'ENOENT') throw error;
    return otherwise(session, error);
  }
}

/** Finds the only daemon with its state elsewhere. One that is starting or stopping has no address. @throws CacheError `NOT_RUNNING` */
async function otherwise({ stateFlag, err, json }: Session, error: unknown): Promise<Client> {
  const { dir, from, usual } =
    stateFlag === undefined ? stateFromEnvironment() : { dir: stateFlag, from: '--state', usual: null };
  const holder = lockHolder(dir);
  if (holder !== null) {
    throw new CacheError('NOT_RUNNING', `the daemon (pid ${holder}) does not answer: it is starting or stopping`, {
      hint: `try again in a moment; ${killCommand(holder)} ends it, and the next start tidies up`,
    });
  }
  const states = usual === null ? [] : statesElsewhere(usual).filter((state) => lockHolder(state) !== null && state !== dir);
  const [only, ...more] = states;
  if (only === undefined) throw error;
  if (from === null && more.length === 0) {
    if (!json) err.write(`autocached: the daemon of ${plain(only)}\n`);
    return Client.find(only);
  }
  throw new CacheError('NOT_RUNNING', `no daemon has its state in ${dir}${from === null ? '' : ` (${from})`}`, {
    hint: `${states.map((state) => `--state ${shellWord(state)}`).join(' or ')} finds the one that runs`,
  });
}

export function openSession(
  host: Host & Pick<Session, 'named'>,
  options: { json?: true; state?: string },
  unread: AbortSignal,
): Session {
  const stateFlag = options.state === undefined ? undefined : resolve(host.cwd, options.state);
  return { ...host, json: options.json ?? false, stateFlag, unread };
}
