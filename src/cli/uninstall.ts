import type { RemovalAnswer } from '../api/api.ts';
import { isAlive } from '../runtime/lock-holder.ts';
import type { Client } from './client.ts';
import { shimStatus, uninstallShim } from './comfyui-link.ts';
import { findComfyui } from './doctor/find-comfyui.ts';
import { removeCacheRest, removeState } from './own-leftovers.ts';
import { installedText, uninstall } from './service/carry-out.ts';
import { serviceFacts } from './service/facts.ts';
import { servicePlan } from './service/managers.ts';
import type { ServicePlan } from './service/plan.ts';
import type { Session } from './session.ts';
import { stopDaemon } from './stop-daemon.ts';

/** The things that an uninstallation removes. Making the plan removes nothing. */
export interface UninstallPlan {
  service: ServicePlan | null;
  /** Directories of ComfyUI with the shim. */
  comfyui: string[];
  stateDir: string;
  /** Null = it is kept. */
  cache: { dir: string; copies: number; bytes: number; results: number; variants: number; written: number } | null;
}

/** @param options `named`: directories of ComfyUI in addition to those that the daemon knows */
export async function uninstallPlan(
  session: Session,
  client: Client,
  options: { stateDir: string; named: string[]; keepCache: boolean },
): Promise<UninstallPlan> {
  const { stateDir, named, keepCache } = options;
  const stats = await client.stats();
  const plan = servicePlan(serviceFacts({ ...session, stateFlag: stateDir }, {}));
  const dirs = await findComfyui({ named, running: null, roots: stats.roots });
  // A clone of the repository in custom_nodes was not made by `comfyui install`, and stays.
  const shims = await Promise.all(
    dirs.map((dir) =>
      shimStatus(dir).then(
        ({ installed }) => installed,
        () => false,
      ),
    ),
  );
  const sum = (name: 'files' | 'bytes') => stats.tiers.reduce((total, tier) => total + tier[name], 0);
  const cache = {
    dir: stats.dir,
    copies: sum('files'),
    bytes: sum('bytes') + (stats.variants?.bytes ?? 0),
    variants: stats.variants?.files ?? 0,
    results: stats.memo.current_items,
    written: stats.written.files,
  };
  return {
    service: (await installedText(plan)) === null ? null : plan,
    comfyui: dirs.filter((_, index) => shims[index]),
    stateDir,
    cache: keepCache ? null : cache,
  };
}

/** Removes everything in the plan. @returns copies that stay because a program has them open, and files of others in the directories */
export async function carryOutUninstall(
  client: Client,
  { service, comfyui, stateDir, cache }: UninstallPlan,
): Promise<{ skipped: RemovalAnswer['skipped']; left: string[] }> {
  // Only the daemon knows which files are its own, so it deletes the copies itself.
  const skipped = cache ? await deleteCopies(client) : [];
  if (service) await uninstall(service);
  if (isAlive(client.daemon.pid)) await stopDaemon(client);
  for (const dir of comfyui) await uninstallShim(dir);
  const left = [...(cache ? await removeCacheRest(cache.dir) : []), ...(await removeState(stateDir))];
  return { skipped, left };
}

async function deleteCopies(client: Client): Promise<RemovalAnswer['skipped']> {
  await client.unpin({ globs: ['**'] });
  return (await client.clear({ all: true })).skipped;
}
