import { expect, test } from 'vitest';
import { reasons } from '../../src/core/types.ts';
import {
  copyTerms,
  daemonAway,
  jobStatuses,
  jobTerms,
  libraryTerms,
  modeTerms,
  reasonTerm,
  reasonTerms,
  rootHealthText,
  rootTerms,
  untilAsked,
} from '../../src/core/vocabulary.ts';

/** What the pages say, as a module for browsers. */
function moduleFor(tables: Record<string, unknown>): string {
  const lines = Object.entries(tables).map(([name, table]) => `export const ${name} = ${JSON.stringify(table, null, 2)};`);
  return `/** Made of src/core/vocabulary.ts: npx vitest run test/core/vocabulary.test.ts -u */\n\n${lines.join('\n\n')}\n`;
}

test('the pages in the browser have the words of the daemon', async () => {
  const tables = { copyTerms, daemonAway, jobTerms, libraryTerms, modeTerms, rootTerms, untilAsked };
  await expect(moduleFor(tables)).toMatchFileSnapshot('../../comfyui/web/vocabulary.js');
});

test('every state has a word and a sentence of its own', () => {
  expect(Object.keys(jobTerms)).toEqual([...jobStatuses]);
  expect(Object.keys(reasonTerms)).toEqual([...reasons]);
  for (const table of [jobTerms, reasonTerms]) {
    const sentences = Object.values(table).map(({ says }) => says);
    expect(new Set(sentences).size).toBe(sentences.length);
  }
  const words = jobStatuses.map((status) => jobTerms[status].word);
  expect(new Set(words).size).toBe(words.length);
});

test('a root that was ok and is silent is not called ok', () => {
  expect(rootHealthText('ok', null)).toBe('ok');
  expect(rootHealthText('ok', 'no answer for 3 s')).toBe('no answer for 3 s');
  expect(rootHealthText('away', 'not mounted')).toBe('away: not mounted');
});

test('nothing is called queued or copying whose copy is neither', () => {
  for (const reason of reasons) {
    const { word, says } = reasonTerm(reason, false);
    if (reason !== 'WAIT_TIMEOUT') expect(`${word}: ${says}`, reason).not.toMatch(/queued|copying|being made/);
  }
});
