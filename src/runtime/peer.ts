import { type ChildProcess, fork } from 'node:child_process';
import { isMainThread, type MessagePort, parentPort, Worker } from 'node:worker_threads';
import { CacheError } from '../core/errors.ts';
import { type Calls, callsOver, type Port } from './calls.ts';

/** A module that runs beside this one, in a separate thread or process. */
export interface Peer<Remote extends object> extends Pick<Calls<Remote>, 'call' | 'tell'> {
  /**
   * Ends the module without waiting: a process that hangs on a dead mount may outlive this by hours. Calls in flight fail with
   * `error`; afterwards only `onExit` is called.
   */
  kill(error: CacheError): void;
}

export interface PeerOptions<Local extends object> {
  /** Functions that the module may call here. */
  functions: Local;
  /** Called once, when the module has ended (`how`: its exit code, or the signal) or could not start. */
  onExit(how: string): void;
  /** Called with every sign of life. */
  onHeard?(): void;
  /** Environment of a process; undefined = this one's. */
  env?: NodeJS.ProcessEnv | undefined;
  /**
   * Bound on each half of the young generation of a peer that holds little data at a time, MiB, a power of two; unbounded it grows to
   * several times that.
   */
  youngGenerationMb?: number;
  /** Whether this process may end before the module. */
  unref?: boolean;
}

/** The channel to a peer, and its end. */
interface PeerPort extends Port {
  kill(): void;
}

export type PeerKind = 'thread' | 'process';

/**
 * Starts `module` as a thread (quick, for local disks) or as a process (for sources that can hang: a thread in a hung system call
 * cannot be ended, and keeps the daemon from ending). It answers calls with `serveParent`.
 */
export function startPeer<Remote extends object, Local extends object>(
  module: URL,
  kind: PeerKind,
  { functions, ...options }: PeerOptions<Local>,
): Peer<Remote> {
  const onExit = (how: string) => {
    options.onExit(how);
    calls.end(new CacheError('INTERNAL', `the ${kind} ended (${how})`));
  };
  const port = kind === 'thread' ? startThread(module, { ...options, onExit }) : startProcess(module, { ...options, onExit });
  if (options.onHeard) port.onMessage(options.onHeard);
  const calls = callsOver<Remote, Local>(port, functions);
  return {
    call: calls.call,
    tell: calls.tell,
    kill(error) {
      port.kill();
      calls.end(error);
    },
  };
}

/** Whether this is a thread of a process, not a separate process. */
export const isThread = !isMainThread;

/** The other end: answers calls from the starter of this module, and calls back. */
export function serveParent<Remote extends object, Local extends object>(functions: Local): Calls<Remote> {
  if (isThread && parentPort) return callsOver(portOf(parentPort), functions);
  // A process without its parent has no more work.
  process.on('disconnect', () => process.exit());
  return callsOver(
    {
      send: (message) => void process.send?.(message, () => {}),
      onMessage: (listener) => process.on('message', listener),
    },
    functions,
  );
}

/** The channel to another thread. */
export function portOf(port: MessagePort | Worker): Port {
  return { send: (message) => port.postMessage(message), onMessage: (listener) => port.on('message', listener) };
}

type StartOptions = Omit<PeerOptions<object>, 'functions'>;

function startThread(module: URL, { onExit, youngGenerationMb, unref }: StartOptions): PeerPort {
  const worker = new Worker(module, {
    // V8 divides it by three, and rounds up to a power of two.
    resourceLimits: youngGenerationMb === undefined ? {} : { maxYoungGenerationSizeMb: 3 * youngGenerationMb },
  });
  worker.on('error', () => {});
  worker.on('exit', (code) => onExit(String(code)));
  if (unref) worker.unref();
  return {
    ...portOf(worker),
    kill() {
      worker.removeAllListeners('message');
      void worker.terminate();
    },
  };
}

/** Initial size of the heap, MiB: with V8's default it is fully collected several times while the modules load. */
const startGenerationMb = 64;

function startProcess(module: URL, { onExit, env, youngGenerationMb, unref }: StartOptions): PeerPort {
  const child = fork(module, {
    execArgv: [
      '--disable-warning=ExperimentalWarning',
      ...(youngGenerationMb === undefined
        ? []
        : [`--max-semi-space-size=${youngGenerationMb}`, `--initial-old-space-size=${startGenerationMb}`]),
    ],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
    ...(env && { env }),
  });
  endWithThisProcess(child);
  // Without a pid it could not start, and there will be no `exit`.
  child.on('error', (error) => child.pid === undefined && onExit(error.message));
  child.on('exit', (code, signal) => onExit(signal ?? String(code)));
  if (unref) {
    child.unref();
    child.channel?.unref();
  }
  return {
    // A failed send needs no error: the `exit` of the child ends all calls.
    send: (message) => void child.send(message as object, () => {}),
    onMessage: (listener) => child.on('message', listener),
    kill() {
      child.removeAllListeners('message');
      child.kill('SIGKILL');
      child.unref();
      if (child.connected) child.disconnect();
    },
  };
}

const children = new Set<ChildProcess>();

/** A process in a system call would not notice the end of its daemon. */
function endWithThisProcess(child: ChildProcess): void {
  if (children.size === 0) process.once('exit', killChildren);
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (children.size === 0) process.off('exit', killChildren);
  });
}

function killChildren(): void {
  for (const child of children) child.kill('SIGKILL');
}
