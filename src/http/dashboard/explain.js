import { element } from '../../../comfyui/web/elements.js';
import { copyTerms } from '../../../comfyui/web/vocabulary.js';
import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { showDialog, tell } from './dialogs.js';
import { agoText, splitPath } from './figures.js';

/** Everything known about one file. */
export async function explain(path) {
  try {
    const told = await ask(`/api/cache/explain?${new URLSearchParams({ path })}`);
    await showDialog(splitPath(path).base, (close) => [
      ...pageOf(told),
      element(
        'div',
        { class: 'tools' },
        element('button', { text: 'Close', attributes: { type: 'button' }, on: { click: () => close() } }),
      ),
    ]);
  } catch (error) {
    tell(error.message);
  }
}

function pageOf({ path, entry, now, leases, decisions, sha256, published, standsOn, baseOf, variants = [] }) {
  const facts = [
    ['Source', path],
    ['The next load', `${now.word}: ${now.why}`],
    ['Opens', now.path],
  ];
  if (entry) {
    facts.push(
      ['Size', formatBytes(entry.size)],
      ['Used', entry.uses === 0 ? 'never' : `${counted(entry.uses, 'time')}, last ${agoText(entry.lastUsedAt)}`],
    );
    for (const { tier, state, bytes, createdAt } of entry.copies)
      facts.push([
        `Copy on ${tier.toUpperCase()}`,
        `${copyTerms[state].word}, ${formatBytes(bytes)}${createdAt ? `, made ${agoText(createdAt)}` : ''}`,
      ]);
    if (standsOn) facts.push(['Stands on', standsOn.join(', ')]);
    if (baseOf) facts.push(['Base of', baseOf.join(', ')]);
    if (entry.pinned) facts.push(['Pinned', 'it is never evicted']);
  }
  for (const { name, state, bytes, worst } of variants) {
    const [least] = worst;
    const loss = typeof least?.sqnr === 'number' ? `, at worst ${least.sqnr.toFixed(1)} dB (${least.name})` : '';
    facts.push(['Variant', `${name}: ${state}${state === 'ready' ? `, ${formatBytes(bytes)}` : ''}${loss}`]);
  }
  if (leases.length > 0) facts.push(['In use by', leases.map(({ client }) => client).join(', ')]);
  if (sha256) facts.push(['SHA-256', sha256]);
  if (published)
    facts.push([
      'Published',
      published.same === false ? 'differs from the published SHA-256; download it again' : published.from,
    ]);
  const terms = facts.flatMap(([term, text]) => [element('dt', { text: term }), element('dd', { class: 'path', text })]);
  const list = element('dl', { class: 'facts' }, ...terms);
  if (decisions.length === 0) return [list];
  const lines = decisions
    .slice(0, 8)
    .map(({ at, reason, app }) => element('li', { text: `${agoText(at)}: ${reason}${app ? `, ${app}` : ''}` }));
  return [list, element('h3', { text: 'Last lookups' }), element('ul', { class: 'small muted' }, ...lines)];
}
