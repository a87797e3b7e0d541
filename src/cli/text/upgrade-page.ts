import { plain } from '../../core/printable.ts';
import type { UpgradeOutcome, UpgradePlan } from '../upgrade/upgrade.ts';

/** The present version, and the steps of an upgrade, one line each. */
export function upgradePage({ installed, newest, way, steps, daemon, comfyui }: UpgradePlan): string {
  const here = `autocached ${installed}: ${plain(way.says)}`;
  if (!newest.isNewer) return `${here}\nThis is the newest version.`;
  const what = newest.says === undefined ? newest.version : `${newest.version}, ${plain(newest.says)}`;
  const lines = [
    ...steps,
    ...(daemon && way.replace ? [`restart the daemon (pid ${daemon.client.daemon.pid})${byService(daemon.service)}`] : []),
    ...comfyui.map((dir) => `renew the resolver in ${dir}; ComfyUI uses it after it restarts`),
  ];
  const title = way.replace ? 'would be done:' : 'to be done by hand:';
  return [here, `Newest: ${what}`, title, ...lines.map((line) => `  ${plain(line)}`)].join('\n');
}

function byService(service: { manager: string } | null): string {
  return service === null ? '' : `, by ${service.manager}`;
}

export function upgradedPage({ installed, newest, comfyui }: UpgradePlan, { pid, notRenewed }: UpgradeOutcome): string {
  const renewed = comfyui.length - notRenewed.length;
  return [
    `upgraded from ${installed} to ${newest.version}`,
    pid === null ? 'No daemon ran. Start it: autocached start --detach' : `The daemon answers (pid ${pid}).`,
    ...(renewed > 0 ? ['Restart ComfyUI to use the new resolver.'] : []),
    ...notRenewed.map(({ dir, why }) => `The resolver in ${plain(dir)} was not renewed: ${plain(why)}`),
  ].join('\n');
}
