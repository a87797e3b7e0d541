import { userInfo } from 'node:os';
import { CacheError } from '../core/errors.ts';
import { isAlive, lockHolder } from '../runtime/lock-holder.ts';
import { Client } from './client.ts';
import { startDetached } from './detach.ts';
import { type LastRun, lastRun } from './last-run.ts';
import { poll } from './poll.ts';
import { installedText, isRunning, restartService } from './service/carry-out.ts';
import { serviceFacts } from './service/facts.ts';
import { servicePlan } from './service/managers.ts';
import type { ServicePlan } from './service/plan.ts';
import { type Session, stateDirOf } from './session.ts';
import { stopDaemon } from './stop-daemon.ts';

const longestMs = 60_000;

export interface RunningDaemon extends LastRun {
  /** The service that runs it; null when it was started by hand. */
  service: ServicePlan | null;
}

/** The running daemon and the way to start it again; null when none runs. @throws CacheError FORBIDDEN when only root may do that */
export async function runningDaemon(session: Session, command: 'restart' | 'upgrade'): Promise<RunningDaemon | null> {
  const last = await lastRun(stateDirOf(session));
  return last && { ...last, service: await serviceOf(session, command) };
}

async function serviceOf(session: Session, command: string): Promise<ServicePlan | null> {
  const place = { ...session, stateFlag: stateDirOf(session) };
  const ofUser = servicePlan(serviceFacts(place, {}));
  if (await isThere(ofUser)) return ofUser;
  const ofMachine = servicePlan(serviceFacts(place, { system: true, as: userInfo().username }));
  if (!(await isThere(ofMachine))) return null;
  if (process.getuid?.() === 0 || process.platform === 'win32') return ofMachine;
  throw new CacheError('FORBIDDEN', `the daemon is a service of the machine (${ofMachine.file}), which root restarts`, {
    hint: `sudo env "PATH=$PATH" autocached ${command}`,
  });
}

async function isThere(plan: ServicePlan): Promise<boolean> {
  return (await installedText(plan)) !== null && isRunning(plan);
}

/**
 * Ends the daemon and starts it from the present files, in the way it was started before. Resolves when it answers.
 * @throws CacheError INTERNAL with the end of its log, or the message of the service manager
 */
export async function startAgain(session: Session, { client, flags, cwd, service }: RunningDaemon): Promise<Client> {
  const stateDir = stateDirOf(session);
  if (service) {
    await restartService(service);
    const found = await poll(longestMs, () => answering(stateDir, client.daemon.pid));
    if (found) return found;
    throw new CacheError('INTERNAL', `the service (${service.manager}) does not answer`, { hint: service.notes[0] ?? '' });
  }
  if (isAlive(client.daemon.pid)) await stopDaemon(client);
  await endSilent(stateDir);
  const state = session.stateFlag === undefined ? {} : { AUTOCACHE_STATE: session.stateFlag };
  const started = await startDetached({ self: session.self, flags: { ...flags, ...state }, cwd: cwd ?? session.cwd });
  return started.client;
}

async function answering(stateDir: string, oldPid: number): Promise<Client | null> {
  const client = await Client.find(stateDir).catch(() => null);
  if (!client || client.daemon.pid === oldPid) return null;
  return (await client.healthy().catch(() => false)) ? client : null;
}

/** Ends a newer daemon that was started and never answered, but holds the state directory. */
async function endSilent(stateDir: string): Promise<void> {
  const pid = lockHolder(stateDir);
  if (pid === null) return;
  process.kill(pid);
  await poll(longestMs, () => (isAlive(pid) ? null : true));
}
