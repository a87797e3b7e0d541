import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { parseUrl } from '../../config/values.ts';
import { CacheError } from '../../core/errors.ts';
import { jsonOf } from '../../core/json.ts';
import { chooseKnown, type Kind } from '../choose.ts';
import type { LlamaServer } from '../kv/llama-server.ts';
import { namedFile } from '../named-file.ts';
import { count, size, withCommander } from '../options.ts';
import { type Answer, exitCodes } from '../print.ts';
import { type Run, type Session, stateDirOf } from '../session.ts';
import { restoredPage, savedPage } from '../text/kv-page.ts';

const notes = `
For llama.cpp's server, started with --slot-save-path DIR. The text of the
prompt is kept in the state directory, for the proof.

Examples:
  autocached kv save manual --prompt manual.txt --server http://127.0.0.1:8080
  autocached kv restore manual --server http://127.0.0.1:8080

Exit codes of restore: 0 the next request has reused it, 4 this server does not
reuse what it restores.`;

const mostPrompt = 16 * 2 ** 20;
const slotNumber = withCommander((text: string) => (text === '0' ? 0 : count(text)));

interface SaveFlags {
  prompt?: string;
  messages?: string;
  server?: string;
  slot: number;
  dir?: string;
  limit: number;
}

export function addKv(program: Command, run: Run): void {
  const kv = program
    .command('kv')
    .description("save and restore llama.cpp's computed state of a prompt")
    .addHelpText('after', notes);

  withServer(kv.command('save'))
    .description('compute a prompt and have the server save it')
    .argument('<name>', 'to restore it by')
    .option('--prompt <file>', 'its text')
    .option('--messages <file>', 'JSON: a list of messages, as chats have them')
    .option('--dir <dir>', "the server's --slot-save-path on this machine: the oldest files of kv save leave to make room")
    .option('--limit <size>', 'most bytes of them there', size, 20 * 2 ** 30)
    .action(
      run(async (session, name: string, flags: SaveFlags): Promise<Answer> => {
        const { SavedSlots, save } = await import('../kv/kv.ts');
        using server = await serverOf(session, flags.server);
        const { dir, limit, slot } = flags;
        const bound = dir === undefined ? null : { dir: resolve(session.cwd, dir), limit };
        const prompt = await promptIn(session, server, flags);
        const data = await save(server, new SavedSlots(stateDirOf(session)), { name, prompt, slot, bound, now: Date.now() });
        return { data, page: () => savedPage(data) };
      }),
    );

  withServer(kv.command('restore'))
    .description('have the server read a saved prompt, and prove that it reuses it')
    .argument('<name>', 'as it was saved, or a part of it')
    .action(
      run(async (session, name: string, { server: url, slot }: { server?: string; slot: number }): Promise<Answer> => {
        const { SavedSlots, restore } = await import('../kv/kv.ts');
        using server = await serverOf(session, url);
        const saved = new SavedSlots(stateDirOf(session));
        const names = [...new Set(saved.all().map((one) => one.name))];
        const data = await restore(server, saved, { name: chooseKnown(name, names, kind) ?? name, slot });
        return { data, page: () => restoredPage(data), exitCode: data.isReused ? exitCodes.done : exitCodes.difference };
      }),
    );
}

const kind: Kind<string> = { noun: 'saved prompt', names: (name) => [name], list: 'autocached kv save NAME --prompt FILE' };

function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'where it listens (default: AUTOCACHE_LLM_URL)')
    .option('--slot <number>', 'the slot, from 0', slotNumber, 0);
}

/** @throws CacheError BAD_REQUEST when none is named */
async function serverOf({ cwd }: Session, url: string | undefined): Promise<LlamaServer> {
  const { LlamaServer } = await import('../kv/kv.ts');
  const address = url === undefined ? loadConfig({ cwd }).config.llmUrl : parseUrl(url);
  if (address !== null) return new LlamaServer(address);
  throw new CacheError('BAD_REQUEST', 'no server is named', { hint: 'give --server URL, or set AUTOCACHE_LLM_URL' });
}

async function promptIn({ cwd }: Session, server: LlamaServer, { prompt, messages }: SaveFlags): Promise<string> {
  const file = prompt ?? messages;
  if (file === undefined || (prompt !== undefined && messages !== undefined))
    throw new CacheError('BAD_REQUEST', 'give either --prompt or --messages');
  const text = await namedFile(resolve(cwd, file), mostPrompt);
  if (text === '') throw new CacheError('BAD_REQUEST', `${file} is empty`);
  return messages === undefined ? text : server.promptOf(listIn(text, file));
}

function listIn(text: string, file: string): unknown {
  const list = jsonOf(text);
  if (Array.isArray(list)) return list;
  throw new CacheError('BAD_REQUEST', `${file} holds no JSON list of messages`);
}
