import { writeFileSync } from 'node:fs';
import { serveParent } from '../../src/runtime/peer.ts';
import type { CopyWatcher, CopyWorker } from '../../src/transfer/messages.ts';

/** A copy worker that dies in the middle of its first order, as one that is killed or runs out of memory does. */
serveParent<CopyWatcher, Pick<CopyWorker, 'run' | 'probe'>>({
  probe: async () => {},
  run({ temp }) {
    writeFileSync(temp, 'half', { flag: 'wx' });
    process.exit(1);
  },
});
