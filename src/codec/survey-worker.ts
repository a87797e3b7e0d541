import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveParent } from '../runtime/peer.ts';
import { type Survey, surveyFiles } from './survey.ts';

export interface SurveyWorker {
  /** @param bytesPerSecond read at most */
  survey(paths: string[], options: { mostBytes: number; bytesPerSecond: number }): Promise<Survey>;
}

export interface SurveyWatcher {
  progress(bytesDone: number): void;
}

/** The entry of the thread that looks for equal tensors. */
const parent = serveParent<SurveyWatcher, SurveyWorker>({
  survey(paths, { mostBytes, bytesPerSecond }) {
    giveWay();
    const startedAt = performance.now();
    let done = 0;
    return surveyFiles(paths, {
      mostBytes,
      async turn(bytes) {
        done += bytes;
        parent.tell.progress(done);
        await sleep(Math.max(0, (done / bytesPerSecond) * 1000 - (performance.now() - startedAt)));
      },
    });
  },
});

function giveWay(): void {
  try {
    setPriority(constants.priority.PRIORITY_LOW);
  } catch {
    // Without the right to change it, it keeps the default priority.
  }
}
