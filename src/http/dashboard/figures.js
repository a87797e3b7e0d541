import { counted, formatBytes, formatSeconds, measured } from '../../../comfyui/web/words.js';

/** Figures and times for people, in addition to those of the sidebar. */

/** @param share 0 to 1, null for none yet; never 100% while something is missing */
export function percentText(share) {
  if (share === null || share === undefined) return 'none yet';
  if (share > 0.99 && share < 1) return `${(Math.floor(share * 1000) / 10).toFixed(1)}%`;
  return `${Math.round(share * 100)}%`;
}

/** Time since then, in a few words. */
export function agoText(iso, now = Date.now()) {
  if (iso === null) return 'never';
  const minutes = Math.max(0, Math.round((now - Date.parse(iso)) / 60_000));
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${measured(minutes, 'min')} ago`;
  if (minutes < 48 * 60) return `${measured(Math.round(minutes / 60), 'h')} ago`;
  return `${measured(Math.round(minutes / 1440), 'days')} ago`;
}

/** `1 copy`, `3 copies`, `1,204 copies` */
export function copiesText(count) {
  return `${count.toLocaleString('en-US')} ${count === 1 ? 'copy' : 'copies'}`;
}

/** The last part of a path, and the part before it. */
export function splitPath(path) {
  const at = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1;
  return { before: path.slice(0, at), base: path.slice(at) };
}

/** The last days with their totals; days without any are zero. @param daily by UTC day, oldest first */
export function lastDays(daily, count, now = Date.now()) {
  const byDay = new Map(daily.map((totals) => [totals.day, totals]));
  return Array.from({ length: count }, (_, index) => {
    const day = new Date(now - (count - 1 - index) * 86_400_000).toISOString().slice(0, 10);
    return { ...nothing, ...byDay.get(day), day };
  });
}

const nothing = { hits: 0, misses: 0, hitBytes: 0, missBytes: 0, bytesCopied: 0, evictions: 0, secondsSaved: 0 };

/** `12 Nov` */
export function dayText(day) {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
}

/** A path without its folder of sources. @param roots their paths */
export function belowRoot(path, roots) {
  const root = roots.filter((one) => path.startsWith(one)).sort((a, b) => b.length - a.length)[0] ?? '';
  return path.slice(root.length).replace(/^[\\/]/, '');
}

/** The saving of a larger cache, in a sentence or two. */
export function missesText({ loads, points, limit, more, cold }) {
  if (loads === 0)
    return 'No loads are recorded of the last 30 days. Load some models, and this tells what a larger cache would save.';
  const spent = points.find(({ bytes }) => bytes === limit)?.seconds ?? 0;
  const past = `In the last 30 days, ${counted(loads, 'load')} took ${formatSeconds(spent)} longer than from the cache.`;
  const larger = more
    ? `With ${formatBytes(more.bytes)} more you would have saved ${formatSeconds(more.seconds)}.`
    : 'A larger cache would have saved little.';
  return [past, larger, ...(cold?.change ? [coldText(cold)] : [])].join(' ');
}

/** Advice on another setting of AUTOCACHE_COMPRESS. */
function coldText({ change, saves }) {
  const time = formatSeconds(Math.abs(saves));
  return change === 'cold'
    ? `Compressing copies (AUTOCACHE_COMPRESS=cold) would have saved you ${time}.`
    : `Compressing copies costs you ${time}: AUTOCACHE_COMPRESS=off is better.`;
}
