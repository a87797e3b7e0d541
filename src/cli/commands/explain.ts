import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ExplainAnswer } from '../../api/explain.ts';
import type { Client } from '../client.ts';
import { isPart, parseItem } from '../items.ts';
import { knownItems } from '../known-items.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { explainPage } from '../text/explain-page.ts';

export function addExplain(program: Command, run: Run): void {
  program
    .command('explain')
    .description('explain files: copies, last answers with reasons, the next answer')
    .argument('<file...>', 'path, category/name, a part of the name, or glob')
    .action(run(explain));
}

async function explain(session: Session, words: string[]): Promise<Answer> {
  const client = await clientOf(session);
  const asks = (await Promise.all(words.map((word) => asksFor(word, session, client)))).flat();
  const stories = await Promise.all(asks.map((ask) => storyOf(ask, session, client)));
  const isMissing = stories.some(({ entry, now }) => entry === null && now.reason === 'SOURCE_MISSING');
  return {
    data: stories.length === 1 ? stories[0] : stories,
    page: (look) => stories.map((story) => explainPage(story, look)).join('\n\n'),
    exitCode: isMissing ? exitCodes.failed : exitCodes.done,
  };
}

interface Ask {
  path: string;
  name?: string;
  word?: string;
}

/** A relative path below no root may be a model's name. */
async function storyOf({ path, name, word }: Ask, session: Session, client: Client): Promise<ExplainAnswer> {
  const atPath = await client.explain(path);
  const story = name !== undefined && atPath.now.reason === 'BYPASS_UNKNOWN_ROOT' ? await client.explain({ name }) : atPath;
  if (word === undefined || !isUnknown(story) || !isPart(word, session)) return story;
  const [known = word] = await knownItems([word], session, client);
  return known === word ? story : client.explain(known);
}

function isUnknown({ entry, now }: ExplainAnswer): boolean {
  return now.reason === 'BYPASS_UNKNOWN_ROOT' || (now.reason === 'SOURCE_MISSING' && entry === null);
}

async function asksFor(word: string, session: Session, client: Client): Promise<Ask[]> {
  const item = parseItem(word, session);
  if ('path' in item) return [{ ...item, word }];
  if ('name' in item) return [{ path: resolve(session.cwd, word), name: `${item.category}/${item.name}`, word }];
  // The daemon knows best which files match a glob; a check copies nothing.
  const { items } = await client.warm({ globs: [item.glob], check: true });
  return items.map(({ item: path }) => ({ path }));
}
