import type { ColdAdvice } from '../../api/loads.ts';
import { counted, formatBytes, formatDuration } from '../../core/format.ts';

/** Seconds below which a difference is none. */
const leastSeconds = 1;

/** Effect of compressing the least valuable copies on the waiting of the last 30 days. */
export function coldText(cold: ColdAdvice): string {
  return `Compressing (AUTOCACHE_COMPRESS=cold) ${effectOf(cold)}: ${costsOf(cold)}.`;
}

function effectOf({ isOn, saves }: ColdAdvice): string {
  const time = formatDuration(1000 * Math.abs(saves));
  if (Math.abs(saves) < leastSeconds) return isOn ? 'saves you nothing' : 'would have saved you nothing';
  if (saves > 0) return isOn ? `saves you ${time} a month` : `would have saved you ${time} last month`;
  return isOn ? `costs you ${time} a month` : `would have cost you ${time} more last month`;
}

function costsOf({ restores, restoreSpeed, measured, ratio, written }: ColdAdvice): string {
  if (ratio < 1.01) return 'your models do not shrink';
  if (restores === 0) return 'no compressed copy would have been loaded';
  const speed = `${formatBytes(restoreSpeed)} a second${measured ? ', as measured here' : ', as is usual'}`;
  const wear = written > 0 ? `, and ${formatBytes(written)} more are written to the SSD` : '';
  return `${counted(restores, 'load')} wait for a restore (${speed}), your models shrink ${ratio.toFixed(2)} times${wear}`;
}
