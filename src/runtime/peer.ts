import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

/** Another thread or process that speaks in messages. */
export interface Peer<Send, Receive> {
  send(message: Send): void;
  onMessage(listener: (message: Receive) => void): void;
  /** Called once, when the peer has ended for whatever reason. */
  onExit(listener: () => void): void;
  /** Ends the peer without waiting: a process that hangs on a dead mount may outlive this by hours. */
  kill(): void;
}

/**
 * Starts `module` beside this one as a thread (quick, for local disks) or as a process of its own (for sources that can hang: a
 * thread in a hung system call cannot be ended, and keeps the daemon from ending).
 * @param env of a process; undefined = this one's
 */
export function startPeer<Send, Receive>(
  module: URL,
  kind: 'thread' | 'process',
  env?: NodeJS.ProcessEnv,
): Peer<Send, Receive> {
  return kind === 'thread' ? startThread(module) : startProcess(module, env);
}

/** `worker.ts` beside `base` when running from source, `worker.js` when compiled. */
export function siblingModule(name: string, base: string): URL {
  return new URL(`./${name}.${base.endsWith('.ts') ? 'ts' : 'js'}`, base);
}

/** The other end: what the started module uses to speak to who started it. */
export function parentPeer<Send, Receive>(): Pick<Peer<Send, Receive>, 'send' | 'onMessage'> {
  if (!isMainThread && parentPort) {
    const port = parentPort;
    return { send: (message) => port.postMessage(message), onMessage: (listener) => port.on('message', listener) };
  }
  // A process whose parent is gone has nobody to work for.
  process.on('disconnect', () => process.exit());
  return {
    send: (message) => process.send?.(message as object),
    onMessage: (listener) => process.on('message', listener as (m: unknown) => void),
  };
}

function startThread<Send, Receive>(module: URL): Peer<Send, Receive> {
  const worker = new Worker(module);
  return {
    send: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on('message', listener),
    onExit: (listener) => {
      worker.on('error', () => {});
      worker.on('exit', listener);
    },
    kill: () => void worker.terminate(),
  };
}

function startProcess<Send, Receive>(module: URL, env?: NodeJS.ProcessEnv): Peer<Send, Receive> {
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
  const child = fork(fileURLToPath(module), { stdio: [...stdio], execArgv: [], ...(env && { env }) });
  return {
    send: (message) => {
      if (child.connected) child.send(message as object);
    },
    onMessage: (listener) => child.on('message', listener as (message: unknown) => void),
    onExit: (listener) => {
      child.on('error', () => {});
      child.on('exit', listener);
    },
    kill: () => {
      child.kill('SIGKILL');
      child.unref();
      if (child.connected) child.disconnect();
    },
  };
}
