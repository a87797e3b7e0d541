import { execFileSync } from 'node:child_process';
import { homedir, userInfo } from 'node:os';
import { resolve } from 'node:path';
import { loadConfig } from '../../config/config.ts';
import { settingsOnlyHere, stateFromEnvironment } from '../../config/env.ts';
import { environmentVariable } from '../../config/environment-variable.ts';
import { ramTierOf } from '../../config/ram-tier.ts';
import { CacheError } from '../../core/errors.ts';
import type { Session } from '../session.ts';
import { platforms, type ServiceFacts } from './plan.ts';

export interface ServiceOptions {
  system?: true;
  /** The user that a service of the machine runs as. */
  as?: string;
}

/** The facts for a service on this machine. @throws CacheError BAD_REQUEST, BAD_CONFIG */
export function serviceFacts(session: Session, { as, ...options }: ServiceOptions): ServiceFacts {
  const system = options.system === true;
  const platform = platforms.find((name) => name === process.platform);
  if (!platform) {
    throw new CacheError('BAD_REQUEST', `services are not known on ${process.platform}`, { hint: 'autocached start --detach' });
  }
  if (as !== undefined && !system) throw new CacheError('BAD_REQUEST', '--as goes with --system');
  const user = system && platform !== 'win32' ? machineUser(platform, as) : { ...ownUser(), name: as ?? ownUser().name };
  // The machine's daemon gets nothing of this shell's environment; it will read its user's files.
  const place = system ? { env: {}, home: user.home, cwd: user.home } : { cwd: session.cwd };
  const state = stateFromEnvironment(place);
  const stateDir = session.stateFlag ?? state.dir;
  const { config } = loadConfig({ ...place, flags: { AUTOCACHE_STATE: stateDir } });
  const ram = ramTierOf(config)?.dir ?? null;
  return {
    platform,
    system,
    command: [...session.self.map(absolute), ...(stateDir === state.usual ? [] : ['--state', stateDir]), 'start'],
    user,
    stateDir,
    writable: [...new Set([stateDir, config.dir, ...(ram === null ? [] : [ram])])],
  };
}

/** Settings of this shell and this directory that a service will not see. One sentence, or nothing. */
export function unseenSettings(session: Session, { stateDir }: ServiceFacts): string[] {
  const keys = settingsOnlyHere({ cwd: session.cwd }, stateDir).map(({ key, from }) => `${key} (${from})`);
  if (keys.length === 0) return [];
  return [`The service does not see ${keys.join(', ')}; put what it needs into ${resolve(stateDir, '.env')}`];
}

/** Options of Node stay as they are. */
function absolute(word: string): string {
  return word.startsWith('-') ? word : resolve(word);
}

function ownUser(): ServiceFacts['user'] {
  const { username, uid } = userInfo();
  return { name: username, id: uid, home: homedir() };
}

/** The named user, or the one that called sudo: the daemon should not run as root. */
function machineUser(platform: 'linux' | 'darwin', as: string | undefined): ServiceFacts['user'] {
  const name = as ?? environmentVariable('SUDO_USER') ?? userInfo().username;
  if (name === 'root' && as === undefined) {
    throw new CacheError('BAD_REQUEST', 'say which user the daemon shall run as', {
      hint: '--as USER, whose ComfyUI it serves',
    });
  }
  try {
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' });
    if (platform === 'linux') {
      const [, , id, , , home = ''] = run('getent', 'passwd', name).trim().split(':');
      return { name, id: Number(id), home };
    }
    const home = run('dscl', '.', '-read', `/Users/${name}`, 'NFSHomeDirectory')
      .replace(/^\S+:\s*/, '')
      .trim();
    return { name, id: Number(run('id', '-u', name)), home };
  } catch (cause) {
    throw new CacheError('BAD_REQUEST', `there is no user ${name}`, { cause });
  }
}
