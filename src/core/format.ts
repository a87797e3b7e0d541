const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Bytes for people, in binary units and three digits: `512 B`, `6.46 GiB`, `200 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 0) return `-${formatBytes(-bytes)}`;
  let value = bytes;
  let unit = 0;
  // 1023.5 of a unit would print as 1024, which is 1 of the next.
  for (; value >= 1023.5 && unit < sizeUnits.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${sizeUnits[unit]}`;
}

/** Milliseconds for people, in at most two units: `<0.01ms`, `0.35ms`, `12.3s`, `4m 10s`, `1h 30m`, `3d 4h`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms > 0 && ms < 0.005) return '<0.01ms';
  if (ms < 999.5) return `${threeDigits(ms)}ms`;
  if (ms < 59_950) return `${threeDigits(ms / second)}s`;
  const seconds = Math.round(ms / second) * second;
  if (seconds < hour) return inTwo(seconds, [minute, 'm'], [second, 's']);
  const minutes = Math.round(ms / minute) * minute;
  if (minutes < day) return inTwo(minutes, [hour, 'h'], [minute, 'm']);
  return inTwo(Math.round(ms / hour) * hour, [day, 'd'], [hour, 'h']);
}

function inTwo(ms: number, [big, bigName]: [number, string], [small, smallName]: [number, string]): string {
  const rest = (ms % big) / small;
  return `${Math.floor(ms / big)}${bigName}${rest > 0 ? ` ${rest}${smallName}` : ''}`;
}

function threeDigits(value: number): string {
  const decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return String(Number(value.toFixed(decimals)));
}

/** `1,204` */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 file`, `1,204 files` */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(value)} ${value === 1 ? noun : plural}`;
}

/** A share of one, from 0 % to 100 %: `91 %`. Never 100 % for less than all, nor 0 % for more than nothing: `<1 %`. */
export function percent(share: number): string {
  const rounded = Math.round(Math.min(1, Math.max(0, share)) * 100);
  if (rounded === 0 && share > 0) return '<1 %';
  return rounded === 100 && share < 1 ? '99.9 %' : `${rounded} %`;
}

/** The cost of removing copies: `frees 2.3 GiB, removes 12 of 41 copies`. */
export function costText({ copies, of, bytes }: { copies: number; of: number; bytes: number }): string {
  return `frees ${formatBytes(bytes)}, removes ${formatCount(copies)} of ${counted(of, 'copy', 'copies')}`;
}

/** The same of results. */
export function resultCostText({ results, of, bytes }: { results: number; of: number; bytes: number }): string {
  return `frees ${formatBytes(bytes)}, removes ${formatCount(results)} of ${counted(of, 'result')}`;
}
