import { resolve } from 'node:path';
import type { Command } from 'commander';
import { agreed } from '../confirm.ts';
import { type FarmOptions, initFarm, joinFarm, leaveFarm, leavingOf } from '../farm-entry.ts';
import { parseItem } from '../items.ts';
import { knownItems } from '../known-items.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { farmPage, initPage, joinPage, leavingPage, locatePage } from '../text/farm-page.ts';

/** Examples by command. */
const examples = {
  init: `
The hosts of a farm read the origin once, and give each other what they have
read. They find each other in a Redis or Valkey that you run. docs/FARM.md
takes you from one host to five.

Examples:
  autocached farm init --redis redis://10.0.0.5:6379`,
  join: `
Examples:
  autocached farm join acfarm1-0123... --redis redis://10.0.0.5:6379`,
  leave: `
Copies stay, and the other hosts go on without this one.

Examples:
  autocached farm leave`,
  status: '\nExamples:\n  autocached farm status --json',
  locate: '\nExamples:\n  autocached farm locate checkpoints/sdxl.safetensors',
};

export function addFarm(program: Command, run: Run): void {
  const farm = program.command('farm').description('hosts that give each other what they have read');
  farm
    .command('init')
    .description('make the key of a farm, and print the command for the further hosts')
    .option('--redis <address>', 'write it to AUTOCACHE_FARM in the configuration file')
    .option('--name <name>', 'of several farms on one Redis')
    .addHelpText('after', examples.init)
    .action(run(init));
  farm
    .command('join')
    .description('store the key of a farm')
    .argument('<code>', 'as farm init prints it')
    .option('--redis <address>', 'write it to AUTOCACHE_FARM in the configuration file')
    .option('--name <name>', 'of several farms on one Redis')
    .addHelpText('after', examples.join)
    .action(run(join));
  farm
    .command('leave')
    .description('delete the key and switch the farm off; shows it and asks first')
    .option('--dry-run', 'show what would change, change nothing')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples.leave)
    .action(run(leave));
  farm
    .command('status')
    .description('the hosts, the bytes each has read and given, and copies under way')
    .addHelpText('after', examples.status)
    .action(run(status));
  farm
    .command('locate')
    .description('which hosts have how much of a file')
    .argument('<file>', 'path, category/name, or a part of the name')
    .addHelpText('after', examples.locate)
    .action(run(locate));
}

async function init(session: Session, options: FarmOptions): Promise<Answer> {
  const data = await initFarm(session, options);
  return { data, page: () => initPage(data) };
}

async function join(session: Session, code: string, options: FarmOptions): Promise<Answer> {
  const data = await joinFarm(session, code, options);
  return { data, page: () => joinPage(data) };
}

async function leave(session: Session, { dryRun, yes }: { dryRun?: true; yes?: true }): Promise<Answer> {
  const leaving = leavingOf(session);
  if (leaving.file === null && leaving.redis === null) return { data: leaving, page: () => 'this host is in no farm' };
  const page = leavingPage(leaving);
  if (dryRun) return { data: leaving, page: () => page };
  if (!yes && !(await agreed(session, page, 'Leave the farm?'))) {
    return { data: leaving, page: () => 'nothing changed', exitCode: exitCodes.failed };
  }
  leaveFarm(session, leaving);
  return { data: leaving, page: () => 'left the farm; a running daemon leaves it with: autocached restart' };
}

async function status(session: Session): Promise<Answer> {
  const data = await (await clientOf(session)).farm();
  return { data, page: (look) => farmPage(data, look) };
}

async function locate(session: Session, word: string): Promise<Answer> {
  const client = await clientOf(session);
  const [known = word] = await knownItems([word], session, client);
  const item = parseItem(known, session);
  const { path } =
    'name' in item ? await client.explain({ name: `${item.category}/${item.name}` }) : { path: resolve(session.cwd, known) };
  const data = await client.locate(path);
  return { data, page: (look) => locatePage(data, look) };
}
