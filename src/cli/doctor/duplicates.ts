import type { Survey } from '../../codec/survey.ts';
import type { SurveyWatcher, SurveyWorker } from '../../codec/survey-worker.ts';
import { CacheError } from '../../core/errors.ts';
import { packageModule } from '../../runtime/package.ts';
import { startPeer } from '../../runtime/peer.ts';
import type { Client } from '../client.ts';

/** Maximum bytes read in all, and per second: the rest counts by samples, and other programs hardly notice the reads. */
const mostBytes = 64 * 1024 ** 3;
const bytesPerSecond = 400e6;
/** Number of entries in one request. */
const pageSize = 1000;
const models = /\.(safetensors|sft)$/i;

/**
 * Estimated saving of equal tensors and differences among the cached models that are plain on the SSD. Reads in a thread of low priority,
 * and at a bounded rate.
 * @param onProgress bytes read so far
 */
export async function surveyDuplicates(client: Client, onProgress: (bytes: number) => void): Promise<Survey> {
  const paths: string[] = [];
  for (let offset = 0; ; offset += pageSize) {
    const { entries, total } = await client.entries({ cached: true, tier: 'ssd', limit: pageSize, offset });
    for (const { copies } of entries) {
      const plain = copies.find(({ tier, state }) => tier === 'ssd' && state === 'ready');
      if (plain && models.test(plain.path)) paths.push(plain.path);
    }
    if (offset + pageSize >= total) break;
  }
  let end = (_how: string) => {};
  const ended = new Promise<never>((_, reject) => {
    end = (how) => reject(new CacheError('INTERNAL', `the thread that compares tensors ended (${how})`));
  });
  const thread = startPeer<SurveyWorker, SurveyWatcher>(packageModule('codec/survey-worker'), 'thread', {
    functions: { progress: onProgress },
    onExit: (how) => end(how),
  });
  try {
    return await Promise.race([thread.call.survey(paths, { mostBytes, bytesPerSecond }), ended]);
  } finally {
    thread.kill(new CacheError('CANCELLED', 'the survey has ended'));
  }
}
