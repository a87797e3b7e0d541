import type { MissesAnswer } from '../../api/loads.ts';
import { coldText } from '../text/cold-text.ts';
import { type Finding, ok, warn } from './finding.ts';

/** Minimum number of loads that show a habit. */
const fewLoads = 50;

/** Whether compressing the least valuable copies pays for the loads that the daemon has recorded; none while that is unknown. */
export function coldFindings({ loads, cold }: Pick<MissesAnswer, 'loads' | 'cold'>): Finding[] {
  if (!cold || loads < fewLoads) return [];
  const says = lowered(coldText(cold));
  if (cold.change === null) return cold.isOn ? [ok('cache', says)] : [];
  return [warn('cache', says, `set AUTOCACHE_COMPRESS=${cold.change} and restart`)];
}

function lowered(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1).replace(/\.$/, '')}`;
}
