import { parentPort } from 'node:worker_threads';
import { type ReaderTransport, serve } from './server.ts';

/** The file that a reader runs: as a thread when it has a parent port, else as a child process. */
const port = parentPort;
const transport: ReaderTransport = port
  ? {
      send: (message) => port.postMessage(message),
      onRequest: (listener) => port.on('message', listener),
      mayTouchNetwork: false,
    }
  : {
      send: (message) => void process.send?.(message, () => {}),
      onRequest: (listener) => process.on('message', listener),
      mayTouchNetwork: true,
    };

if (!port) process.once('disconnect', () => process.exit());
serve(transport);
