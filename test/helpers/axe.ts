import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'puppeteer-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** The rules of axe that look at colours, all that differs between the themes. */
export const ofColours = ['color-contrast', 'link-in-text-block'];

/** What axe finds on the page, as `rule: element`. @param rules default: all */
export async function violationsOf(page: Page, rules?: readonly string[]): Promise<string[]> {
  // Browsers run scripts of the page's own origin only; this one is put in by the browser's driver.
  if (!(await page.evaluate(`'axe' in window`))) await page.evaluate(axe);
  const options = { resultTypes: ['violations'], ...(rules && { runOnly: { type: 'rule', values: rules } }) };
  const found = await page.evaluate(`axe.run(document, ${JSON.stringify(options)}).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 200))))`);
  return found as string[];
}
