import { jobTerms } from './vocabulary.js';
import { formatBytes, formatSeconds, percentOf } from './words.js';

/** The reason for a copy, by its priority. */
export const wantedTexts = {
  wait: 'a program waits',
  prefetch: 'for a queued prompt, or put first',
  warm: 'by request',
  background: 'after a load',
  idle: 'foreseen, into free room only',
};

const moving = ['running', 'limited'];

/**
 * All running copies as one piece of work.
 * @param jobs of the daemon, in their order; those that have ended do not count
 * @returns `running` and `waiting` jobs, how far all are (`percent`, `bytesLeft`), `bytesPerSecond`, `secondsLeft` (null while nothing
 *   moves), and a `word` for it: idle, copying, paused, or what holds up the first
 */
export function workOf(jobs, paused) {
  const running = jobs.filter(({ state }) => state === 'running');
  const waiting = jobs.filter(({ state }) => state === 'queued');
  const open = [...running, ...waiting];
  const sum = (key) => open.reduce((total, job) => total + (job[key] ?? 0), 0);
  const [bytesDone, bytesTotal, bytesPerSecond] = ['bytesDone', 'bytesTotal', 'bytesPerSecond'].map(sum);
  const bytesLeft = Math.max(0, bytesTotal - bytesDone);
  return {
    running,
    waiting,
    percent: percentOf({ bytesDone, bytesTotal }),
    bytesLeft,
    bytesPerSecond,
    secondsLeft: bytesPerSecond > 0 ? bytesLeft / bytesPerSecond : null,
    word: wordOf(open, paused),
  };
}

function wordOf([first, ...others], paused) {
  if (paused) return 'paused';
  if (!first) return 'idle';
  if ([first, ...others].some(({ state, status }) => state === 'running' && moving.includes(status))) return 'copying';
  return jobTerms[first.status]?.word ?? first.word;
}

/** `7 copies, 862 MiB and 7 min left` */
export function leftText({ running, waiting, bytesLeft, secondsLeft }) {
  const count = running.length + waiting.length;
  const time = secondsLeft === null ? '' : ` and ${formatSeconds(secondsLeft)}`;
  return `${count.toLocaleString('en-US')} ${count === 1 ? 'copy' : 'copies'}, ${formatBytes(bytesLeft)}${time} left`;
}

/** For a heading: with a capital. */
export function headed(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
