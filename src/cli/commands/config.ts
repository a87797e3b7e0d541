import type { Command } from 'commander';
import type { ConfigAnswer, ConfigChange, ConfigValue } from '../../api/api.ts';
import { loadConfig, parseChange } from '../../config/config.ts';
import { keys, liveFields, shortName } from '../../config/keys.ts';
import { isSetting, unknownSetting } from '../../config/unknown-setting.ts';
import { CacheError } from '../../core/errors.ts';
import { costText, resultCostText } from '../../core/format.ts';
import { plainLines } from '../../core/printable.ts';
import type { Client } from '../client.ts';
import { agreed } from '../confirm.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import type { Look } from '../text/look.ts';
import { table } from '../text/table.ts';

const examples = `
Examples:
  autocached config
  autocached config AUTOCACHE_PREDICT
  autocached config AUTOCACHE_LIMIT=200GiB AUTOCACHE_POLICY=lfu`;

const liveNames = liveFields.map((field) => keys[field].name);

export function addConfig(program: Command, run: Run): void {
  program
    .command('config')
    .description('show all settings and where each comes from, or change live ones')
    .argument('[key=value...]', 'settings that may change while the daemon runs: the list marks them with *')
    .option('-y, --yes', 'do not ask before a change deletes copies or results')
    .addHelpText('after', examples)
    .action(run(config));
}

async function config(session: Session, changes: string[], { yes }: { yes?: true }): Promise<Answer> {
  if (changes.length === 0) return answerOf(await shownConfig(session));
  if (changes.every((word) => isSetting(word))) {
    const { settings, notices } = await shownConfig(session);
    return answerOf({ settings: settings.filter(({ key }) => changes.includes(key)), notices });
  }
  const change = changeOf(changes);
  const client = await clientOf(session);
  if (!yes && !(await isAgreed(session, client, changes, change)))
    return { data: { changed: false }, page: () => 'nothing changed', exitCode: exitCodes.failed };
  return answerOf(await client.changeConfig(change));
}

/** The settings of the daemon, or those that it would start with. */
async function shownConfig(session: Session): Promise<ConfigAnswer> {
  try {
    return await (await clientOf(session)).config();
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'NOT_RUNNING') throw error;
    const { cwd, stateFlag } = session;
    const { settings, notices } = loadConfig({
      cwd,
      ...(stateFlag !== undefined && { flags: { [keys.stateDir.name]: stateFlag } }),
    });
    return { settings, notices: [...notices, 'the daemon is not running; it will start with these settings'] };
  }
}

function answerOf(data: ConfigAnswer): Answer {
  return { data, page: (look) => page(data, look) };
}

/** Asks about a change for which copies or results must leave. */
async function isAgreed(session: Session, client: Client, changes: readonly string[], change: ConfigChange): Promise<boolean> {
  const { leaving, leavingResults } = await client.configAfter(change);
  const costs = [
    ...(leaving && leaving.copies > 0 ? [costText(leaving)] : []),
    ...(leavingResults && leavingResults.results > 0 ? [resultCostText(leavingResults)] : []),
  ];
  if (costs.length === 0) return true;
  return agreed(session, `${changes.join(' ')} ${costs.join(' and ')}`, 'Change it?');
}

/** @throws CacheError BAD_REQUEST or BAD_CONFIG for values that the daemon would refuse. */
function changeOf(words: string[]): ConfigChange {
  const change: ConfigChange = {};
  for (const word of words) {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (key === '') {
      throw new CacheError('BAD_REQUEST', `"${word}" is not KEY=VALUE`, { hint: 'autocached config shows every setting' });
    }
    const field = liveFields.find((candidate) => keys[candidate].name === key);
    if (!field) throw refusal(key);
    change[shortName(field)] = value;
  }
  parseChange(change);
  return change;
}

/** Why a setting cannot be changed here, and the alternative. */
function refusal(key: string): CacheError {
  if (isSetting(key)) {
    return new CacheError('BAD_REQUEST', `${key} cannot change while the daemon runs`, {
      hint: `write it into .env and run: autocached restart (live are: ${liveNames.join(', ')})`,
    });
  }
  return unknownSetting(key);
}

const roomForMeaning = 130;

function page({ settings, notices }: ConfigAnswer, look: Look): string {
  const spacious = look.width === null || look.width >= roomForMeaning;
  const rows = table<ConfigValue>(
    settings,
    [
      { title: 'SETTING', value: (setting) => `${setting.key}${setting.live ? ' *' : ''}` },
      { title: 'VALUE', value: shown, ...(!spacious && { shrinks: 'sentence' as const }) },
      { title: 'FROM', value: (setting) => setting.from },
      ...(spacious
        ? [{ title: 'MEANING', value: (setting: ConfigValue) => setting.meaning, shrinks: 'sentence' as const }]
        : []),
    ],
    look,
  );
  const legend = look.paint('dim', '* can be changed now: autocached config AUTOCACHE_MODE=read-only');
  return [rows, legend, ...notices.map((notice) => `${look.paint('yellow', 'note:')} ${plainLines(notice)}`)].join('\n');
}

/** The value in force, and after it the present one of the files. */
function shown({ value, pending }: ConfigValue): string {
  return `${value || '-'}${pending === undefined ? '' : ` (after a restart: ${pending || '-'})`}`;
}
