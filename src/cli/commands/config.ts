import type { Command } from 'commander';
import type { ConfigChange, ConfigValue } from '../../api/api.ts';
import { nearest } from '../../config/nearest.ts';
import { CacheError } from '../../core/errors.ts';
import { type Mode, modes } from '../../core/types.ts';
import type { Client, ConfigAnswer } from '../client.ts';
import { clientOf, type Run } from '../session.ts';
import type { Look } from '../text/look.ts';
import { table } from '../text/table.ts';

const examples = `
Examples:
  autocached config
  autocached config AUTOCACHE_LIMIT=200GiB AUTOCACHE_POLICY=lfu`;

export function addConfig(program: Command, run: Run): void {
  program
    .command('config')
    .description('show every setting and where it comes from, or change some at once')
    .argument('[key=value...]', 'what may change while the daemon runs: AUTOCACHE_MODE, _LIMIT, _POLICY')
    .addHelpText('after', examples)
    .action(
      run(async (session, changes: string[]) => {
        const client = await clientOf(session);
        const data = changes.length === 0 ? await client.config() : await client.changeConfig(await changeOf(changes, client));
        return { data, page: (look) => page(data, look) };
      }),
    );
}

const live: Record<string, keyof ConfigChange> = {
  AUTOCACHE_MODE: 'mode',
  AUTOCACHE_LIMIT: 'limit',
  AUTOCACHE_POLICY: 'policy',
};

async function changeOf(words: string[], client: Client): Promise<ConfigChange> {
  const change: Record<string, string> = {};
  for (const word of words) {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/.exec(word) ?? [];
    if (key === '') {
      throw new CacheError('BAD_REQUEST', `"${word}" is not KEY=VALUE`, { hint: 'autocached config shows every setting' });
    }
    const name = live[key];
    if (!name) throw await refusal(key, client);
    if (name === 'mode' && !modes.includes(value as Mode)) {
      throw new CacheError('BAD_REQUEST', `${key}: expected one of ${modes.join(', ')}, got "${value}"`);
    }
    change[name] = value;
  }
  return change;
}

/** Why a setting cannot be changed here, and what to do instead. */
async function refusal(key: string, client: Client): Promise<CacheError> {
  const known = (await client.config()).settings.map((setting) => setting.key);
  if (known.includes(key)) {
    return new CacheError('BAD_REQUEST', `${key} cannot change while the daemon runs`, {
      hint: `write it into .env and run: autocached restart (live are: ${Object.keys(live).join(', ')})`,
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
      { title: 'VALUE', value: (setting) => setting.value || '-', ...(!spacious && { shrinks: true }) },
      { title: 'FROM', value: (setting) => setting.from },
      ...(spacious ? [{ title: 'MEANING', value: (setting: ConfigValue) => setting.meaning, shrinks: true as const }] : []),
    ],
    look,
  );
  const legend = look.paint('dim', '* can be changed now: autocached config AUTOCACHE_MODE=read-only');
  return [rows, legend, ...notices.map((notice) => `${look.paint('yellow', 'note:')} ${notice}`)].join('\n');
}
