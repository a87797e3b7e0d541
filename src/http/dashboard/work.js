import { jobTerms } from '../../../comfyui/web/vocabulary.js';
import { copyText, formatBytes, formatSeconds, percentOf } from '../../../comfyui/web/words.js';
import { copiesText, splitPath } from './figures.js';

const moving = ['running', 'limited'];

/**
 * All copies under way as one piece of work.
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
  const time = secondsLeft === null ? '' : ` and ${formatSeconds(secondsLeft)}`;
  return `${copiesText(running.length + waiting.length)}, ${formatBytes(bytesLeft)}${time} left`;
}

/** The first of them, and what it does: `a.safetensors: 6 MiB of 140 MiB, 1.1 MiB/s, 2 min left`. */
export function firstText({ running, waiting }) {
  const [first] = [...running, ...waiting];
  return `${splitPath(first.path).base}: ${copyText(first)}`;
}

/** For a heading: with a capital. */
export function headed(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
