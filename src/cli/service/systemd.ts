import { posix } from 'node:path';
import type { ServiceFacts, ServicePlan } from './plan.ts';
import { filledTemplate, oneLine } from './template.ts';

const unit = 'autocached.service';

export function systemdPlan({ system, command, user, writable }: ServiceFacts): ServicePlan {
  const systemctl = (...words: string[]) => ['systemctl', ...(system ? [] : ['--user']), ...words];
  const log = `journalctl ${system ? '' : '--user '}-u ${unit}`;
  const exec = command.map((word) => quoted(word).replaceAll('$', '$$$$')).join(' ');
  const shared = {
    encoding: 'utf8' as const,
    install: [systemctl('daemon-reload'), systemctl('enable', unit), systemctl('restart', unit)].map((words) => ({
      command: words,
    })),
    restart: [{ command: systemctl('restart', unit) }],
    uninstall: [{ command: systemctl('disable', '--now', unit), mayFail: true as const }],
    tidy: [systemctl('daemon-reload')],
    query: systemctl('is-active', unit),
    log,
  };
  if (system) {
    return {
      ...shared,
      manager: 'systemd, for the machine',
      file: `/etc/systemd/system/${unit}`,
      text: filledTemplate('systemd-system.service', {
        user: oneLine(user.name),
        command: exec,
        writable: writable.map(quoted).join(' '),
      }),
      // A directory of ReadWritePaths must exist, and belong to the user, before the daemon can make it.
      prepare: [['runuser', '-u', user.name, '--', 'mkdir', '-p', ...writable]],
      notes: [`The daemon runs as ${user.name}; its log: ${log}`],
    };
  }
  return {
    ...shared,
    manager: 'systemd, for this user',
    file: posix.join(user.home, '.config', 'systemd', 'user', unit),
    text: filledTemplate('systemd-user.service', { command: exec }),
    prepare: [],
    notes: [
      `Its log: ${log}`,
      `It starts when ${user.name} logs in and ends with the last session; to have it without a login: loginctl enable-linger ${user.name}`,
    ],
  };
}

/** A word of a unit file: systemd takes `%` for a specifier, and quotes and backslashes as a shell does. */
function quoted(word: string): string {
  const text = oneLine(word).replaceAll('%', '%%');
  return /^[\w/.:@%+=-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}
