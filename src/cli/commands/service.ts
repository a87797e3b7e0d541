import type { Command } from 'commander';
import { Client } from '../client.ts';
import { agreed } from '../confirm.ts';
import { type Answer, exitCodes } from '../print.ts';
import { install, installedText, isRunning, uninstall } from '../service/carry-out.ts';
import { differenceOf } from '../service/difference.ts';
import { type ServiceOptions, serviceFacts, unseenSettings } from '../service/facts.ts';
import { servicePlan } from '../service/managers.ts';
import type { ServicePlan } from '../service/plan.ts';
import type { Run, Session } from '../session.ts';
import { stopDaemon } from '../stop-daemon.ts';
import { planPage, statusPage } from '../text/service-page.ts';

type Options = ServiceOptions & { dryRun?: true; yes?: true };

const examples = `
Examples:
  autocached service install --dry-run
  autocached service install
  sudo env "PATH=$PATH" autocached service install --system

The service is one of systemd, launchd or the Windows task scheduler.
docs/INSTALL.md says more.`;

export function addService(program: Command, run: Run): void {
  const service = program.command('service').description('have the daemon started by the system, or no longer');
  const sub = (name: string, description: string) =>
    service
      .command(name)
      .description(description)
      .option('--system', 'for the machine, from its start on (default: for this user, from the login on)')
      .option('--as <user>', 'with --system: the user that the daemon runs as (default: the one that called sudo)');
  sub('install', 'install the service and start it')
    .option('--dry-run', 'show the files and commands, change nothing')
    .option('-y, --yes', 'replace a different service without asking')
    .addHelpText('after', examples)
    .action(run(installService));
  sub('uninstall', 'stop the service and remove it')
    .option('--dry-run', 'show the files and commands, change nothing')
    .option('-y, --yes', 'remove a different service without asking')
    .action(run(uninstallService));
  sub('status', 'show whether the service is installed and runs').action(run(serviceStatus));
}

async function installService(session: Session, options: Options): Promise<Answer> {
  const { plan, notes, stateDir } = prepared(session, options);
  const before = options.dryRun ? null : await installedText(plan);
  const data = { manager: plan.manager, file: plan.file, text: plan.text, commands: commandsOf(plan, 'install'), notes };
  if (options.dryRun) return { data, page: () => planPage('install', plan, notes) };
  if (!(await mayReplace(session, options, plan, before))) return unchanged(data);
  // A daemon started by hand would hold the state directory that the service needs.
  const running = before === null ? await Client.find(stateDir).catch(() => null) : null;
  if (running && (await running.healthy().catch(() => false))) await stopDaemon(running);
  await install(plan);
  return { data, page: () => [`installed: ${plan.manager}`, `  ${plan.file}`, ...notes].join('\n') };
}

async function uninstallService(session: Session, options: Options): Promise<Answer> {
  const { plan } = prepared(session, options);
  const before = await installedText(plan);
  const data = { manager: plan.manager, file: plan.file, installed: before !== null, commands: commandsOf(plan, 'uninstall') };
  if (before === null) return { data, page: () => `not installed: there is no ${plan.file}` };
  if (options.dryRun) return { data, page: () => planPage('uninstall', plan, []) };
  if (!(await mayReplace(session, options, plan, before))) return unchanged(data);
  await uninstall(plan);
  return { data, page: () => `removed ${plan.file}` };
}

async function serviceStatus(session: Session, options: Options): Promise<Answer> {
  const { plan } = prepared(session, options);
  const text = await installedText(plan);
  const running = text !== null && (await isRunning(plan));
  const state = text === null ? 'not installed' : text === plan.text ? 'up to date' : 'different';
  const data = { manager: plan.manager, file: plan.file, state, running };
  const difference = text === null || text === plan.text ? [] : differenceOf(text, plan.text);
  return {
    data,
    page: (look) => statusPage(data, difference, look),
    exitCode: running ? exitCodes.done : exitCodes.notRunning,
  };
}

function prepared(session: Session, options: Options) {
  const facts = serviceFacts(session, options);
  const plan = servicePlan(facts);
  return { plan, stateDir: facts.stateDir, notes: [...plan.notes, ...unseenSettings(session, facts)] };
}

function commandsOf(plan: ServicePlan, what: 'install' | 'uninstall'): string[][] {
  const steps = plan[what].map(({ command }) => command);
  return what === 'install' ? [...plan.prepare, ...steps] : [...steps, ...plan.tidy];
}

/** A file that differs from the planned one may be somebody's own work: it is shown, and replaced only with consent. */
async function mayReplace(session: Session, { yes }: Options, plan: ServicePlan, before: string | null): Promise<boolean> {
  if (before === null || before === plan.text) return true;
  const difference = differenceOf(before, plan.text);
  if (!session.json) session.err.write(`${difference.join('\n')}\n`);
  return yes === true || agreed(session, `${plan.file} is different`, `Replace or remove ${plan.file}?`);
}

function unchanged(data: unknown): Answer {
  return { data, page: () => 'nothing changed', exitCode: exitCodes.failed };
}
