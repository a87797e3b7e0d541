import { serveParent } from '../runtime/peer.ts';
import { type RestoreWorker, restoreWorker } from './restoring.ts';

/** The entry of a thread that restores parts of a compressed copy. */
serveParent<object, RestoreWorker>(restoreWorker());
