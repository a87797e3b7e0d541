import type { Calls } from '../runtime/calls.ts';
import { isThread, serveParent } from '../runtime/peer.ts';
import type { Reader, ReaderListener } from './messages.ts';
import { SourceReader } from './server.ts';

/** The file that a reader runs: as a thread, or as a process of its own, which alone may hang. */
const parent: Calls<ReaderListener> = serveParent<ReaderListener, Reader>(
  new SourceReader({ mayTouchNetwork: !isThread, parent: () => parent }),
);
