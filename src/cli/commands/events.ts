import type { Command } from 'commander';
import type { DaemonEvent } from '../../api/event-text.ts';
import { CacheError } from '../../core/errors.ts';
import { escapedJson, plain } from '../../core/printable.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { eventText } from '../text/event-text.ts';

export function addEvents(program: Command, run: Run): void {
  program.command('events').description('follow events until Ctrl-C; with --json one object per line').action(run(events));
}

async function events(session: Session): Promise<undefined> {
  const client = await clientOf(session);
  for await (const event of await client.events(session.unread)) {
    session.out.write(`${session.json ? jsonLine(event) : textLine(event)}\n`);
  }
  if (!session.unread.aborted) throw new CacheError('NOT_RUNNING', 'the daemon has stopped', { hint: 'autocached start' });
}

function jsonLine({ name, data }: DaemonEvent): string {
  return escapedJson(JSON.stringify({ event: name, data }));
}

function textLine(event: DaemonEvent): string {
  const time = new Date().toLocaleTimeString('sv-SE');
  return `${time}  ${event.name.padEnd(13)} ${plain(eventText(event))}`;
}
