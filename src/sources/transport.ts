import { fork } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import type { ReaderEvent, ReaderReply, ReaderRequest } from './messages.ts';

/** The line to a reader: a child process for what may hang, a thread for local disks. Same messages on both. */
export interface SourcePort {
  send(request: ReaderRequest): void;
  /** Ends the reader without waiting for it, and hears no more of it but `onExit`. A reader in a hung mount ends when that does. */
  kill(): void;
}

export interface PortListener {
  onReply(reply: ReaderReply | ReaderEvent): void;
  /** The reader is gone: after `kill`, or by itself (`why`). */
  onExit(why: string): void;
}

export type OpenPort = (listener: PortListener) => SourcePort;

/** The reader's file beside this one, in source and in built form. */
const readerUrl = import.meta.url.endsWith('.ts')
  ? new URL('./entry.ts', import.meta.url)
  : new URL('./entry.js', import.meta.url);

// A reader holds little at a time; without a bound the young generation grows to several times that.
const youngGenerationMb = 4;

export function forkReader(url: URL = readerUrl): OpenPort {
  return ({ onReply, onExit }) => {
    const child = fork(url, [], {
      execArgv: [`--max-semi-space-size=${youngGenerationMb}`, '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    // A reader that sits in a system call would not notice that its daemon is gone.
    const end = () => void child.kill('SIGKILL');
    process.once('exit', end);
    child.on('message', (reply) => onReply(reply as ReaderReply | ReaderEvent));
    // Without a pid it could not be started, and there will be no `exit`.
    child.on('error', (error) => child.pid === undefined && onExit(error.message));
    child.on('exit', (code, signal) => {
      process.off('exit', end);
      onExit(`the reading process ended (${signal ?? code})`);
    });
    child.unref();
    child.channel?.unref();
    return {
      // A child that is gone says so by `exit`; the answer to what was sent to it does not come.
      send: (request) => void child.send(request, () => {}),
      kill() {
        child.removeAllListeners('message');
        end();
        if (child.connected) child.disconnect();
      },
    };
  };
}

export function threadReader(url: URL = readerUrl): OpenPort {
  return ({ onReply, onExit }) => {
    const worker = new Worker(url, { resourceLimits: { maxYoungGenerationSizeMb: 4 * youngGenerationMb } });
    worker.on('message', onReply);
    worker.on('error', () => {});
    worker.on('exit', (code) => onExit(`the reading thread ended (${code})`));
    worker.unref();
    return {
      send: (request) => worker.postMessage(request),
      kill() {
        worker.removeAllListeners('message');
        void worker.terminate();
      },
    };
  };
}
