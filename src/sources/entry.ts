import type { Calls } from '../runtime/calls.ts';
import { boundOldGeneration } from '../runtime/heap.ts';
import { isThread, serveParent } from '../runtime/peer.ts';
import type { Reader, ReaderListener } from './messages.ts';
import { SourceReader } from './server.ts';

// Answers of a listing die young, and a reader may live for months.
if (!isThread) boundOldGeneration();

/** The entry of a reader, as a thread or as a separate process; only the process may hang. */
const parent: Calls<ReaderListener> = serveParent<ReaderListener, Reader>(
  new SourceReader({ mayTouchNetwork: !isThread, parent: () => parent }),
);
