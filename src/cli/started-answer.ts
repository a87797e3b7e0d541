import type { StatsAnswer } from '../api/stats.ts';
import type { Client } from './client.ts';
import type { Answer } from './print.ts';
import { startPage } from './text/start-page.ts';

/** Bytes under the limit, as the daemon itself counts them. */
function usedOf({ tiers, variants }: StatsAnswer): number {
  const inTiers = tiers.filter(({ tier }) => tier !== 'ram');
  return inTiers.reduce((sum, { bytes, reserved, outside }) => sum + bytes + reserved + outside, variants?.bytes ?? 0);
}

/**
 * The output of `start --detach` and `restart`: the daemon's address and state, as it reports them itself.
 * @param started `log`: the way to read its log, as a part of a sentence
 */
export async function startedAnswer({ client, log }: { client: Client; log: string }): Promise<Answer> {
  const [stats, config] = await Promise.all([client.stats(), client.config()]);
  const ssd = stats.tiers.find(({ tier }) => tier === 'ssd');
  const started = {
    ...client.daemon,
    dir: stats.dir,
    mode: stats.mode,
    roots: stats.roots,
    usedBytes: usedOf(stats),
    limitBytes: ssd?.limit ?? 0,
    accounting: stats.accounting !== null,
    notices: config.notices,
    stop: `autocached stop ends it; its log: ${log}`,
  };
  return { data: client.daemon, page: (look) => startPage(started, look) };
}
