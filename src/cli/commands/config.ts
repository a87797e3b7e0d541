import type { Command } from 'commander';
import type { ConfigChange, ConfigValue } from '../../api/api.ts';
import { parseChange } from '../../config/config.ts';
import { fields, keys, liveFields, shortName } from '../../config/keys.ts';
import { nearest } from '../../config/nearest.ts';
import { CacheError } from '../../core/errors.ts';
import type { ConfigAnswer } from '../client.ts';
import { clientOf, type Run } from '../session.ts';
import type { Look } from '../text/look.ts';
import { table } from '../text/table.ts';

const examples = `
Examples:
  autocached config
  autocached config AUTOCACHE_LIMIT=200GiB AUTOCACHE_POLICY=lfu`;

const liveNames = liveFields.map((field) => keys[field].name);

export function addConfig(program: Command, run: Run): void {
  program
    .command('config')
    .description('show all settings and where each comes from, or change live ones')
    .argument('[key=value...]', 'what may change while the daemon runs: the list marks it with *')
    .addHelpText('after', examples)
    .action(
      run(async (session, changes: string[]) => {
        const client = await clientOf(session);
        const data = changes.length === 0 ? await client.config() : await client.changeConfig(changeOf(changes));
        return { data, page: (look) => page(data, look) };
      }),
    );
}

/** @throws CacheError BAD_REQUEST or BAD_CONFIG for what the daemon would refuse. */
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

/** Why a setting cannot be changed here, and what to do instead. */
function refusal(key: string): CacheError {
  const known = fields.map((field) => keys[field].name);
  if (known.includes(key)) {
    return new CacheError('BAD_REQUEST', `${key} cannot change while the daemon runs`, {
      hint: `write it into .env and run: autocached restart (live are: ${liveNames.join(', ')})`,
    });
  }
  return new CacheError('BAD_REQUEST', `there is no setting ${key}`, { hint: `did you mean ${nearest(key, known)}?` });
}

const roomForMeaning = 130;

function page({ settings, notices }: ConfigAnswer, look: Look): string {
  const spacious = look.width === null || look.width >= roomForMeaning;
  const rows = table<ConfigValue>(
    settings,
    [
      { title: 'SETTING', value: (setting) => `${setting.key}${setting.live ? ' *' : ''}` },
      { title: 'VALUE', value: shown, ...(!spacious && { shrinks: true }) },
      { title: 'FROM', value: (setting) => setting.from },
      ...(spacious ? [{ title: 'MEANING', value: (setting: ConfigValue) => setting.meaning, shrinks: true as const }] : []),
    ],
    look,
  );
  const legend = look.paint('dim', '* can be changed now: autocached config AUTOCACHE_MODE=read-only');
  return [rows, legend, ...notices.map((notice) => `${look.paint('yellow', 'note:')} ${notice}`)].join('\n');
}

/** In force, and after it what the files say by now. */
function shown({ value, pending }: ConfigValue): string {
  return `${value || '-'}${pending === undefined ? '' : ` (after a restart: ${pending || '-'})`}`;
}
