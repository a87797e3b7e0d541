import type { Calls } from '../runtime/calls.ts';
import { isThread, serveParent } from '../runtime/peer.ts';
import type { Reader, ReaderListener } from './messages.ts';
import { SourceReader } from './server.ts';

/** The entry of a reader: as a thread, or as a separate process, which alone may hang. */
const parent: Calls<ReaderListener> = serveParent<ReaderListener, Reader>(
  new SourceReader({ mayTouchNetwork: !isThread, parent: () => parent }),
);
