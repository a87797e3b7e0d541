import type { EntryView, RootView } from '../../api/api.ts';
import type { ExplainAnswer, FarmSourceView, PublishedView } from '../../api/explain.ts';
import type { VariantLayer, VariantStory } from '../../api/variants.ts';
import { counted, formatBytes, formatDuration, percent } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { copyTerms, reasonTerm, rootHealthText } from '../../core/vocabulary.ts';
import type { Look } from './look.ts';
import { monthText } from './remotes-page.ts';
import { table } from './table.ts';
import { ago, localTime } from './words.ts';

/** The page of `autocached explain`. */
export function explainPage(answer: ExplainAnswer, look: Look): string {
  const { path, entry, root, remote, farm, shared, leases, decisions, score, foreseen, sha256, published, now, meant } = answer;
  const lines = [look.paint('bold', plain(path)), fact('now', nowText(now))];
  if (meant) lines.push(fact('', `did you mean ${plain(meant)}?`));
  if (now.path !== path) lines.push(fact('', `a lookup answers ${plain(now.path)}`));
  lines.push(
    fact('root', rootText(root)),
    ...(remote ? [fact('remote', `${plain(remote.url)}; this month ${monthText(remote.months[0], remote.monthlyLimit)}`)] : []),
    fact('file', entry ? entryText(entry) : 'not known yet: no program has asked for it'),
  );
  for (const copy of entry?.copies ?? []) {
    lines.push(fact('copy', `${copyTerms[copy.state].word} on ${copy.tier}, ${formatBytes(copy.bytes)}: ${plain(copy.path)}`));
  }
  const { standsOn, baseOf } = answer;
  if (standsOn) lines.push(fact('stands on', `its compressed copy is the difference from ${standsOn.map(plain).join(', ')}`));
  if (baseOf) lines.push(fact('base of', `${baseOf.map(plain).join(', ')}: its compressed copy stays for them`));
  for (const variant of answer.variants ?? []) lines.push(...variantLines(variant));
  if (shared !== undefined || answer.fromShared) lines.push(fact('shared', sharedText(answer)));
  if (answer.toldWishes)
    lines.push(
      fact(
        'wanted',
        `its count began with ${Number(answer.toldWishes.toPrecision(2))}: how often a host of the farm has wanted it`,
      ),
    );
  if (farm?.from) lines.push(fact('farm', farmText(farm.from)));
  if (sha256) lines.push(fact('sha256', sha256));
  if (published) lines.push(...publishedLines(published, look));
  if (score !== null) lines.push(fact('score', `${Number(score.toPrecision(4))} (lowest is evicted first)`));
  if (foreseen) lines.push(fact('next', `${percent(foreseen.probability)} likely: ${plain(foreseen.reasons.join(', '))}`));
  for (const { client, expiresInMs } of leases)
    lines.push(fact('in use', `by ${plain(client)}, for ${formatDuration(expiresInMs)}`));
  if (decisions.length === 0) return lines.join('\n');
  const rows = table(
    decisions,
    [
      { title: '  LAST ANSWERS', value: ({ at }) => `  ${localTime(at)}` },
      { title: 'REASON', value: ({ reason }) => reason },
      { title: 'FOR', value: ({ purpose }) => purpose },
      { title: 'BY', value: ({ app }) => app ?? '-', shrinks: 'sentence' },
    ],
    look,
  );
  return `${lines.join('\n')}\n${rows}`;
}

/** The answer in the words of lookups, unless a load must come first. */
function nowText({ reason, word, why }: ExplainAnswer['now']): string {
  const told = reasonTerm(reason, true);
  return plain(word === undefined || word === told.word ? `${reason}: ${why ?? told.says}` : `${word}: ${why}`);
}

function fact(name: string, text: string): string {
  return `  ${name.padEnd(8)}${text}`;
}

function variantLines({ category, name, state, bytes, worst }: VariantStory): string[] {
  const size = state === 'ready' ? `, ${formatBytes(bytes)}` : '';
  const lost = worst.flatMap((layer) => (layer.sqnr === null ? [] : [fact('', lossText(layer, layer.sqnr))]));
  const title = lost.length > 0 ? '; rounding cost most in' : '';
  return [fact('variant', `${plain(category)}/${plain(name)}: ${state}${size}${title}`), ...lost];
}

/** A noise of 20 dB less is a tenth as large as the weights. */
function lossText({ name, format }: VariantLayer, sqnr: number): string {
  const noise = (100 * 10 ** (-sqnr / 20)).toPrecision(2);
  return `  ${plain(name)}: ${sqnr.toFixed(1)} dB in ${format}, weights are off by ${Number(noise)} % in the mean`;
}

function rootText(root: RootView | null): string {
  if (!root) return 'none: only files inside a configured model folder are cached';
  return `${plain(root.path)} (${root.kind}, ${root.kindFrom}; ${rootHealthText(root.health, root.why && plain(root.why))})`;
}

function sharedText({ shared, fromShared }: ExplainAnswer): string {
  const has = shared === undefined ? [] : [`the shared store ${shared ? 'has it' : 'does not have it'}`];
  return [...has, ...(fromShared ? ['the last copy came from the shared store'] : [])].join('; ');
}

function farmText({ originBytes, peers }: NonNullable<FarmSourceView['from']>): string {
  const given = Object.entries(peers).toSorted(([, a], [, b]) => b - a);
  const fromHosts = given.reduce((sum, [, bytes]) => sum + bytes, 0);
  const origin = `the last copy read ${formatBytes(originBytes)} from the source`;
  if (given.length === 0) return origin;
  return `${origin}, ${formatBytes(fromHosts)} from ${given.map(([host, bytes]) => `${plain(host)} (${formatBytes(bytes)})`).join(', ')}`;
}

function publishedLines({ sha256, from, same }: PublishedView, { paint }: Look): string[] {
  if (same === true) return [fact('', `matches the published SHA-256: ${plain(from)}`)];
  if (same === null) return [fact('', `not compared yet with ${plain(from)}`)];
  return [
    fact('', paint('yellow', `differs from the published file: ${plain(from)}`)),
    fact('', paint('yellow', `says ${sha256}; download the file again`)),
  ];
}

function entryText(entry: EntryView): string {
  const words = [`#${entry.id}`, plain(entry.category ?? 'no category'), formatBytes(entry.size), counted(entry.uses, 'use')];
  if (entry.lastUsedAt) words.push(`last ${ago(entry.lastUsedAt)}`);
  if (entry.pinned) words.push('pinned');
  return words.join(', ');
}
