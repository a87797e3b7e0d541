import { MessageChannel, Worker } from 'node:worker_threads';
import { callsOver } from '../../src/runtime/calls.ts';
import { portOf } from '../../src/runtime/peer.ts';
import type { Reader, ReaderListener } from '../../src/sources/messages.ts';
import type { OpenReader } from '../../src/sources/rpc.ts';

let thread: Worker | null = null;

/**
 * A reader of local disks for each daemon, all in one thread of this process: to start a thread takes longer than most tests. A fault of
 * the thread fails the test run.
 */
export const sharedReader: OpenReader = ({ functions, onHeard }) => {
  thread ??= start();
  const { port1, port2 } = new MessageChannel();
  thread.postMessage(port2, [port2]);
  const port = portOf(port1);
  if (onHeard) port.onMessage(onHeard);
  const calls = callsOver<Reader, ReaderListener>(port, functions);
  port1.unref();
  return {
    call: calls.call,
    tell: calls.tell,
    kill(error) {
      port1.removeAllListeners('message');
      port1.close();
      calls.end(error);
    },
  };
};

function start(): Worker {
  const worker = new Worker(new URL('./shared-reader-thread.ts', import.meta.url));
  worker.unref();
  return worker;
}
