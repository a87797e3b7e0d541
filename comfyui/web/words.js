import { jobTerms, untilAsked } from './vocabulary.js';

/** The texts of the sidebar, without a page: figures, words and states of the routes' answers. */

/** States without a word. */
const plainHits = ['HIT', 'HIT_RAM'];
/** A word for the reason why a file is unavailable; otherwise it is missing. */
const absences = { SOURCE_AWAY: 'away', NOT_PERMITTED: 'not permitted' };
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A figure with its unit, which stay in one line. @param {number | string} figure */
export function measured(figure, unit) {
  return `${figure}\u00a0${unit}`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  let value = bytes;
  let unit = 0;
  for (; value >= 1023.5 && unit < units.length - 1; unit += 1) value /= 1024;
  return measured(unit === 0 ? Math.round(value) : threeDigits(value), units[unit]);
}

/** @param {number} seconds */
export function formatSeconds(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return measured(whole, 's');
  if (whole < 3600) return measured(Math.floor(whole / 60), 'min');
  const minutes = Math.round(whole / 60);
  if (minutes < 48 * 60) return `${measured(Math.floor(minutes / 60), 'h')} ${measured(minutes % 60, 'min')}`;
  return measured(Math.floor(minutes / (24 * 60)), 'days');
}

/** @param {number} value */
function threeDigits(value) {
  return String(Number(value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)));
}

/**
 * A model of the workflow, as its row shows it. `tone` is one of `ready`, `copying`, `waiting`, `slow`, `apart` (left alone on
 * purpose) and `missing`; `percent` is null unless it is being copied.
 */
export function describeModel(model, copies) {
  const copy = copies.find(({ id }) => id === model.copy);
  const row = { place: placeOf(model.tier), percent: null, detail: model.why ?? '', canCopy: false };
  if (copy?.state === 'running' && isMoving(copy)) {
    const percent = percentOf(copy);
    return { ...row, tone: 'copying', place: `${percent}%`, percent, detail: progressOf(copy) };
  }
  if (copy) {
    const percent = copy.state === 'running' ? percentOf(copy) : null;
    return { ...row, tone: 'waiting', place: termOf(copy).word, percent, detail: copyText(copy) };
  }
  if (model.notNeeded) return { ...row, tone: 'apart', place: model.word };
  if (model.ready) return { ...row, tone: 'ready', detail: plainHits.includes(model.reason) ? '' : row.detail };
  if (model.size === null) return { ...row, tone: 'missing', place: absences[model.reason] ?? 'missing' };
  if (model.reason.startsWith('BYPASS_') && model.reason !== 'BYPASS_UNKNOWN_ROOT') return { ...row, tone: 'apart' };
  const detail = untilAsked[model.reason]?.word ?? row.detail;
  const canCopy = model.category !== null && ['QUEUED', 'STALE', 'ERROR', 'NO_SPACE', 'NOT_ADMITTED'].includes(model.reason);
  return { ...row, tone: 'slow', detail, canCopy };
}

/** The whole workflow: the number of its models by place, and the progress of its copies. */
export function summarize(models, copies) {
  const rows = models.map((model) => describeModel(model, copies));
  const count = (...tones) => rows.filter(({ tone }) => tones.includes(tone)).length;
  const needed = copies.filter(({ id }) => models.some(({ copy }) => copy === id));
  return {
    total: models.length,
    ready: count('ready'),
    slow: count('slow'),
    missing: count('missing'),
    percent: needed.length === 0 ? null : percentOf(added(needed)),
  };
}

/** In one line. */
export function summaryText({ total, ready, missing }) {
  if (total === 0) return 'It loads no model files.';
  const rest = missing > 0 ? `, ${missing} missing` : '';
  return `${ready} of ${total} on the fast disk${rest}`;
}

/** Of classes of nodes whose outputs are not kept. */
export function unrepeatableText(classes) {
  return `${classes.join(', ')}: gave another output for the same inputs`;
}

const mostListed = 12;

/** Names in a line, each once, and the number of further ones. */
export function listed(names) {
  const different = [...new Set(names)];
  const rest = different.length - mostListed;
  return different.slice(0, mostListed).join(', ') + (rest > 0 ? `, and ${rest} more` : '');
}

/** On the tab's icon: the progress of copies, else the number of models that would load from a slow disk; empty when all is well. */
export function badgeText({ percent, slow }) {
  if (percent !== null) return `${percent}%`;
  return slow > 0 ? String(slow) : '';
}

/** The name of the model for routes; null when it has none. */
export function nameOf({ category, name }) {
  return category === null ? null : `${category}/${name}`;
}

function placeOf(tier) {
  return tier === null ? '?' : tier.toUpperCase();
}

/** The status of a copy: progress, speed and time left while it moves; else the reason for its delay. */
export function copyText(copy) {
  if (copy.state === 'running' && isMoving(copy)) return progressOf(copy);
  const { word, says } = termOf(copy);
  const far = copy.state === 'running' ? `${formatBytes(copy.bytesDone)} of ` : '';
  return `${word}, ${far}${formatBytes(copy.bytesTotal)}: ${copy.why ?? says}`;
}

/** Statuses whose speed predicts the end. A daemon of an earlier version reports no status. */
function isMoving({ status }) {
  return !status || status === 'running' || status === 'limited';
}

function termOf({ status, state }) {
  return jobTerms[status ?? state] ?? { word: status, says: '' };
}

/** `1 file`, `1,204 files` */
export function counted(value, noun) {
  return `${value.toLocaleString('en-US')} ${value === 1 ? noun : `${noun}s`}`;
}

/** The effect of a step that removes copies: `frees 2.3 GiB, removes 12 of 41 copies`. */
export function costText(copies, of, bytes) {
  return `frees ${formatBytes(bytes)}, removes ${copies.toLocaleString('en-US')} of ${of.toLocaleString('en-US')} ${of === 1 ? 'copy' : 'copies'}`;
}

/** The same of results. */
export function resultCostText(results, of, bytes) {
  return `frees ${formatBytes(bytes)}, removes ${results.toLocaleString('en-US')} of ${counted(of, 'result')}`;
}

/** Progress, speed, time left. */
export function progressOf({ bytesDone, bytesTotal, bytesPerSecond, etaMs }) {
  const parts = [`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`];
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`);
  if (typeof etaMs === 'number') parts.push(`${formatSeconds(etaMs / 1000)} left`);
  return parts.join(', ');
}

function added(copies) {
  const sum = (key) => copies.reduce((total, copy) => total + copy[key], 0);
  return { bytesDone: sum('bytesDone'), bytesTotal: sum('bytesTotal') };
}

/** Never 100 before it is done. */
export function percentOf({ bytesDone, bytesTotal }) {
  return bytesTotal > 0 ? Math.min(99, Math.floor((bytesDone / bytesTotal) * 100)) : 0;
}
