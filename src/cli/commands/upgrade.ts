import { resolve } from 'node:path';
import type { Command } from 'commander';
import { packageDir, version } from '../../runtime/package.ts';
import { agreed } from '../confirm.ts';
import { type Answer, exitCodes } from '../print.ts';
import type { Run, Session } from '../session.ts';
import { upgradedPage, upgradePage } from '../text/upgrade-page.ts';
import { findWay } from '../upgrade/find-way.ts';
import { carryOutUpgrade, upgradePlan } from '../upgrade/upgrade.ts';

interface Options {
  check?: true;
  from?: string;
  dryRun?: true;
  yes?: true;
}

const notes = `
It is done in the way that this copy was installed; where that cannot be done
from here, the steps are shown. A newer version that does not start is taken
back, and the daemon goes on with this one. Models, copies, results and settings
stay.

Exit code of --check: 0 this is the newest version, 4 there is a newer one.

Examples:
  autocached upgrade --check
  autocached upgrade
  autocached upgrade --from autocached-0.3.0.tgz`;

export function addUpgrade(program: Command, run: Run): void {
  program
    .command('upgrade')
    .description('install the newest version and restart the daemon; shows it and asks')
    .option('--check', 'only say whether there is a newer version')
    .option('--from <archive>', 'a release that you have downloaded, in place of asking the registry')
    .option('--dry-run', 'show what would be done, change nothing')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', notes)
    .action(run(upgrade));
}

async function upgrade(session: Session, { check, from, dryRun, yes }: Options): Promise<Answer> {
  const archive = from === undefined ? null : resolve(session.cwd, from);
  const plan = await upgradePlan(session, version, findWay({ dir: packageDir, version, archive }));
  const { installed, newest, way, steps, daemon, comfyui } = plan;
  const { replace } = way;
  const data = {
    installed,
    newest: newest.version,
    isNewer: newest.isNewer,
    way: way.says,
    steps,
    daemon: daemon && { pid: daemon.client.daemon.pid, service: daemon.service?.manager ?? null },
    comfyui,
    upgraded: false,
  };
  const page = () => upgradePage(plan);
  if (check) return { data, page, exitCode: newest.isNewer ? exitCodes.difference : exitCodes.done };
  if (!newest.isNewer || dryRun) return { data, page };
  if (replace === null) return { data, page, exitCode: exitCodes.failed };
  if (!yes && !(await agreed(session, page(), 'Upgrade?')))
    return { data, page: () => 'nothing changed', exitCode: exitCodes.failed };
  const outcome = await carryOutUpgrade(session, { ...plan, way: { ...way, replace } });
  return { data: { ...data, ...outcome, upgraded: true }, page: () => upgradedPage(plan, outcome) };
}
