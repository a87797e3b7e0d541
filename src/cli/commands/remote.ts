import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { parseRemote } from '../../config/remotes.ts';
import { CacheError } from '../../core/errors.ts';
import { type Answer, exitCodes } from '../print.ts';
import { saveSettings } from '../save-settings.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { doctorPage } from '../text/doctor-page.ts';
import { costPage, remotesPage } from '../text/remotes-page.ts';

const notes = `
Credentials are never part of an address. They come from where each service
keeps them; docs/REMOTES.md tells where.
`;

/** Examples by command. */
const examples = {
  ls: '\nExamples:\n  autocached remote ls --json',
  add: `${notes}
Examples:
  autocached remote add 'main=s3://bucket/models?region=eu-central-1'
  autocached remote add 'flux=hf://org/repo?to=diffusion_models'`,
  check: `
Costs some requests. Exit code 4 when something is wrong.

Examples:
  autocached remote check
  autocached remote check main`,
  cost: '\nExamples:\n  autocached remote cost',
};

export function addRemote(program: Command, run: Run): void {
  const remote = program.command('remote').description('models in S3, on Hugging Face, Civitai and web servers');
  remote
    .command('ls')
    .description('list the remotes, their state, and what was read this month')
    .addHelpText('after', examples.ls)
    .action(run(list));
  remote
    .command('add')
    .description('add one to AUTOCACHE_REMOTES in the configuration file')
    .argument('<name=address>', 'such as main=s3://bucket/models')
    .argument('[address]', 'when the name stands alone before it')
    .addHelpText('after', examples.add)
    .action(run(add));
  remote
    .command('check')
    .description('check endpoint, clock, credentials, a range and a checksum')
    .argument('[name...]', 'only these')
    .addHelpText('after', examples.check)
    .action(run(check));
  remote
    .command('cost')
    .description('what was read from each remote, month by month')
    .addHelpText('after', examples.cost)
    .action(run(cost));
}

async function list(session: Session): Promise<Answer> {
  const data = await (await clientOf(session)).remotes();
  return { data, page: (look) => remotesPage(data.remotes, look) };
}

async function cost(session: Session): Promise<Answer> {
  const { remotes } = await (await clientOf(session)).remotes();
  const data = { remotes: remotes.map(({ name, url, months, monthlyLimit }) => ({ name, url, months, monthlyLimit })) };
  return { data, page: (look) => costPage(remotes, look) };
}

async function add(_session: Session, name: string, address?: string): Promise<Answer> {
  const text = address === undefined ? name : `${name}=${address}`;
  const added = parseRemote(text);
  const { config, settings } = loadConfig();
  if (config.remotes.some((known) => known.name === added.name)) {
    throw new CacheError('BAD_REQUEST', `there is a remote named ${added.name} already`, { hint: 'choose another name' });
  }
  const all = [...config.remotes.map((known) => `${known.name}=${known.url}`), text].join(';');
  const file = saveSettings({ AUTOCACHE_REMOTES: all }, settings, `add ;${text} to it there`);
  return { data: { added, file }, page: () => `added to ${file}; it counts after: autocached restart` };
}

async function check({ cwd, stateFlag }: Session, names: string[]): Promise<Answer> {
  const { config } = loadConfig({ cwd, flags: stateFlag === undefined ? {} : { AUTOCACHE_STATE: stateFlag } });
  const unknown = names.find((name) => !config.remotes.some((remote) => remote.name === name));
  if (unknown !== undefined) throw new CacheError('NOT_FOUND', `there is no remote named ${unknown} in AUTOCACHE_REMOTES`);
  const { remoteFindings } = await import('../doctor/remote-checks.ts');
  const wanted = config.remotes.filter(({ name }) => names.length === 0 || names.includes(name));
  const findings = (await Promise.all(wanted.map((remote) => remoteFindings(remote)))).flat();
  const count = (verdict: string) => findings.filter((finding) => finding.verdict === verdict).length;
  const data = { ok: count('ok'), warn: count('warn'), fail: count('fail'), findings };
  return { data, page: (look) => doctorPage(data, look), exitCode: data.fail > 0 ? exitCodes.difference : exitCodes.done };
}
