import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { jobTerms, reasonTerms } from '../src/core/vocabulary.ts';

const top = join(import.meta.dirname, '..');
const pages = ['README.md', 'CHANGELOG.md', ...readdirSync(join(top, 'docs')).map((name) => join('docs', name))].filter(
  (page) => page.endsWith('.md'),
);
const text = (page: string) => readFileSync(join(top, page), 'utf8');

describe('the pages for users', () => {
  test.each(pages)('%s links to files and headings that are there', (page) => {
    const links = [...text(page).matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].map(([, target]) => target ?? '');
    const broken = links.filter((target) => {
      const [file = '', heading] = target.split('#');
      const path = file === '' ? join(top, page) : join(top, dirname(page), file);
      if (!existsSync(path)) return true;
      return heading !== undefined && !headings(readFileSync(path, 'utf8')).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  test('the troubleshooting page explains every reason of a lookup with its word', () => {
    const page = text('docs/TROUBLESHOOTING.md');
    const missing = Object.entries(reasonTerms).filter(
      ([reason, { word }]) => !new RegExp(`^\\| \`${reason}\` +\\| ${word} +\\|`, 'm').test(page),
    );
    expect(missing).toEqual([]);
  });

  test('it names every state of a copy in progress', () => {
    const page = text('docs/TROUBLESHOOTING.md');
    const { done: _done, failed: _failed, cancelled: _cancelled, ...underWay } = jobTerms;
    expect(Object.values(underWay).filter(({ word }) => !page.includes(`\`${word}\``))).toEqual([]);
  });
});

/** The anchors of a page's headings, as repositories show them. */
function headings(page: string): string[] {
  const withoutCode = page.replaceAll(/^```.*?^```/gms, '');
  return [...withoutCode.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
