import { win32 } from 'node:path';
import { daemonLogName } from '../../runtime/log.ts';
import type { ServiceFacts, ServicePlan } from './plan.ts';
import { filledTemplate, oneLine, xml } from './template.ts';

const name = 'autocached';

export function scheduledTaskPlan({ system, command, user, stateDir }: ServiceFacts): ServicePlan {
  const file = win32.join(stateDir, 'service-task.xml');
  const log = win32.join(stateDir, daemonLogName);
  const run = [...command.map(quoted), '>>', quoted(log), '2>&1'].join(' ');
  const end = { command: ['schtasks', '/End', '/TN', name], mayFail: true as const };
  const start = { command: ['schtasks', '/Run', '/TN', name] };
  const trigger = system
    ? '<BootTrigger><Enabled>true</Enabled></BootTrigger>'
    : `<LogonTrigger><Enabled>true</Enabled><UserId>${xml(user.name)}</UserId></LogonTrigger>`;
  return {
    manager: system ? 'scheduled task, at the start of Windows' : 'scheduled task, at logon',
    file,
    text: filledTemplate('windows-task.xml', {
      trigger,
      user: xml(user.name),
      logon: system ? 'S4U' : 'InteractiveToken',
      // Without a console of its own the daemon would open a window.
      command: '%SystemRoot%\\System32\\conhost.exe',
      arguments: xml(`--headless %SystemRoot%\\System32\\cmd.exe /d /c "${run}"`),
      state: xml(stateDir),
    }),
    encoding: 'utf16le',
    prepare: [],
    install: [end, { command: ['schtasks', '/Create', '/TN', name, '/XML', file, '/F'] }, start],
    restart: [end, start],
    uninstall: [end, { command: ['schtasks', '/Delete', '/TN', name, '/F'], mayFail: true }],
    tidy: [],
    query: ['schtasks', '/Query', '/TN', name],
    log,
    notes: [
      `Its log: ${log}`,
      ...(system ? ['A task that runs before the logon has no password: Windows lets it read no network share.'] : []),
    ],
  };
}

/** Paths of Windows contain no quotes. */
function quoted(word: string): string {
  return /^[\w\\/:.-]+$/.test(word) ? word : `"${oneLine(word)}"`;
}
