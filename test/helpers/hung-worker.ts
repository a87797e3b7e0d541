import { writeFileSync } from 'node:fs';
import { serveParent } from '../../src/runtime/peer.ts';
import type { CopyWatcher, CopyWorker } from '../../src/transfer/messages.ts';

/** A copy worker whose source has stopped answering: it writes a little, reports that, and then falls silent. */
const parent = serveParent<CopyWatcher, Pick<CopyWorker, 'run' | 'probe'>>({
  probe: async () => {},
  run({ id, temp }) {
    writeFileSync(temp, 'half', { flag: 'wx' });
    parent.tell.progress(id, 4);
    return new Promise(() => {});
  },
});
