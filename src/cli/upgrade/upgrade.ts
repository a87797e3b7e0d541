import { loadConfig } from '../../config/config.ts';
import { CacheError, linesOf, messageOf, toCacheError } from '../../core/errors.ts';
import { shimStatus } from '../comfyui-link.ts';
import { type RunningDaemon, runningDaemon, startAgain } from '../daemon-again.ts';
import { findComfyui } from '../doctor/find-comfyui.ts';
import { type Session, stateDirOf } from '../session.ts';
import { stopDaemon } from '../stop-daemon.ts';
import { tool } from './tool.ts';
import type { Newest, Replaced, Way } from './way.ts';

/** The changes of an upgrade. Making the plan changes nothing. */
export interface UpgradePlan {
  installed: string;
  newest: Newest;
  way: Way;
  steps: string[];
  daemon: RunningDaemon | null;
  /** Directories of ComfyUI whose resolver is renewed. */
  comfyui: string[];
}

export interface UpgradeOutcome {
  /** Null = none ran before. */
  pid: number | null;
  /** Resolvers that could not be renewed, and why. */
  notRenewed: { dir: string; why: string }[];
}

/** @throws CacheError when the newest version cannot be found, and as `runningDaemon` */
export async function upgradePlan(session: Session, installed: string, way: Way): Promise<UpgradePlan> {
  const newest = await way.newest();
  const daemon = newest.isNewer ? await runningDaemon(session, 'upgrade') : null;
  const comfyui = newest.isNewer && way.replace ? await withResolver(session, daemon) : [];
  return { installed, newest, way, steps: way.steps(newest.version), daemon, comfyui };
}

async function withResolver({ cwd }: Session, daemon: RunningDaemon | null): Promise<string[]> {
  const roots = daemon ? (await daemon.client.stats()).roots : [];
  const dirs = await findComfyui({ named: loadConfig({ cwd }).config.comfyui, running: null, roots });
  const states = await Promise.all(dirs.map((dir) => shimStatus(dir).catch(() => null)));
  return dirs.filter((_, index) => states[index]?.installed && !states[index]?.linked);
}

/**
 * Puts the newer program into its place and has the daemon run it.
 * @throws CacheError after everything was restored: the older program in its place, and its daemon running
 */
export async function carryOutUpgrade(
  session: Session,
  { newest: { version }, way, daemon, comfyui, installed }: UpgradePlan & { way: { replace: NonNullable<Way['replace']> } },
): Promise<UpgradeOutcome> {
  // Windows does not replace the files of a program that runs.
  if (daemon && process.platform === 'win32') await stopDaemon(daemon.client);
  const replaced = await way.replace(version).catch(async (error) => {
    if (daemon && process.platform === 'win32') await startAgain(session, daemon);
    throw error;
  });
  const pid = daemon && (await startNew(session, { daemon, replaced, version, installed }));
  const notRenewed: UpgradeOutcome['notRenewed'] = [];
  for (const dir of comfyui) {
    // The newer program knows its own files.
    const renew = [...session.self, 'comfyui', 'install', dir, '--state', stateDirOf(session)];
    await tool(renew, session.cwd).catch((error) => notRenewed.push({ dir, why: messageOf(error) }));
  }
  await replaced.keep();
  return { pid, notRenewed };
}

interface NewStart {
  daemon: RunningDaemon;
  replaced: Replaced;
  version: string;
  installed: string;
}

async function startNew(session: Session, { daemon, replaced, version, installed }: NewStart): Promise<number> {
  try {
    return (await startAgain(session, daemon)).daemon.pid;
  } catch (error) {
    const [why, more] = linesOf(toCacheError(error).message);
    await replaced.undo();
    const again = await startAgain(session, daemon).then(
      () => `${installed} is back and runs`,
      (cause) => `${installed} is back, and does not start either: ${toCacheError(cause).message}`,
    );
    throw new CacheError('INTERNAL', `autocached ${version} does not start; ${again}`, { lines: [why, ...more], cause: error });
  }
}
