import { posix } from 'node:path';
import { daemonLogName } from '../../runtime/log.ts';
import type { ServiceFacts, ServicePlan } from './plan.ts';
import { filledTemplate, xml } from './template.ts';

const label = 'autocached';

export function launchdPlan({ system, command, user, stateDir }: ServiceFacts): ServicePlan {
  const domain = system ? 'system' : `gui/${user.id}`;
  const folder = system ? '/Library/LaunchDaemons' : posix.join(user.home, 'Library', 'LaunchAgents');
  const file = posix.join(folder, `${label}.plist`);
  const log = posix.join(stateDir, daemonLogName);
  const stop = { command: ['launchctl', 'bootout', `${domain}/${label}`], mayFail: true as const };
  return {
    manager: system ? 'launchd, for the machine' : 'launchd, for this user',
    file,
    text: filledTemplate('launchd.plist', {
      user: xml(user.name),
      arguments: command.map((word) => `    <string>${xml(word)}</string>`).join('\n'),
      log: xml(log),
    }),
    encoding: 'utf8',
    // launchd opens the log itself, and makes no directory for it.
    prepare: [system ? ['sudo', '-u', user.name, 'mkdir', '-p', stateDir] : ['mkdir', '-p', stateDir]],
    install: [stop, { command: ['launchctl', 'bootstrap', domain, file] }],
    restart: [{ command: ['launchctl', 'kickstart', '-k', `${domain}/${label}`] }],
    uninstall: [stop],
    tidy: [],
    query: ['launchctl', 'print', `${domain}/${label}`],
    log,
    notes: [
      system ? `The daemon runs as ${user.name}; its log: ${log}` : `It starts when ${user.name} logs in; its log: ${log}`,
    ],
  };
}
