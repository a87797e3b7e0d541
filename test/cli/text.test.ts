import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { progressBar, usageBar } from '../../src/cli/text/bar.ts';
import { shorten, widthOf } from '../../src/cli/text/fit.ts';
import type { Look } from '../../src/cli/text/look.ts';
import { memoWarmPage } from '../../src/cli/text/memo-page.ts';
import { table } from '../../src/cli/text/table.ts';
import { ago } from '../../src/cli/text/words.ts';
import { percent } from '../../src/core/format.ts';
import { plain } from '../../src/core/printable.ts';
import { reasons } from '../../src/core/types.ts';
import { reasonTerm } from '../../src/core/vocabulary.ts';

const uncoloured: Look = { width: 80, paint: (_format, text) => text };

describe('shorten', () => {
  test('keeps both ends of a name, where models differ', () => {
    expect(shorten('SDXL/juggernaut_xl_v9.fp8.safetensors', 24)).toBe('SDXL/jugg…p8.safetensors');
    expect(shorten('short', 24)).toBe('short');
  });

  test('never takes more columns than allowed, in any script', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (text, width) => {
        expect(widthOf(shorten(text, width))).toBeLessThanOrEqual(width);
      }),
    );
  });

  test('a Chinese name takes two columns a character', () => {
    expect(widthOf('画风.safetensors')).toBe(16);
  });
});

test('a file name cannot steer the terminal', () => {
  expect(plain('a\u001b[2Jb\nc\u009b1m')).toBe('a?[2Jb?c?1m');
});

test('an error of several lines is told in a table by its first one', () => {
  const error = '2 of 2 files of t2v are not here:\n  missing  a.safetensors\n  missing  b.safetensors';
  const page = memoWarmPage({ items: [{ ns: 'prompts', key: '', state: 'miss', error }] }, uncoloured);
  expect(page).toContain('miss: 2 of 2 files of t2v are not here');
  expect(page).not.toMatch(/\?|missing/);
});

describe('table', () => {
  test('has room for every file of a large library', () => {
    const names = Array.from({ length: 200_000 }, (_, index) => ({ name: `loras/${index}.safetensors` }));
    const page = table(names, [{ title: 'NAME', value: ({ name }) => name, shrinks: 'name' }], uncoloured);
    expect(page.split('\n')).toHaveLength(200_001);
  });

  const rows = [
    { name: 'a'.repeat(100), size: '6.5 GiB' },
    { name: '画风', size: '1 B' },
  ];
  const columns = [
    { title: 'NAME', value: (row: { name: string }) => row.name, shrinks: 'name' as const },
    { title: 'SIZE', value: (row: { size: string }) => row.size, align: 'right' as const },
  ];

  test('fits a terminal, and lines up names of every script', () => {
    const lines = table(rows, columns, uncoloured).split('\n');
    expect(lines.map(widthOf)).toEqual([80, 80, 80]);
  });

  test('shortens nothing that goes to a file', () => {
    expect(table(rows, columns, { ...uncoloured, width: null })).toContain('a'.repeat(100));
  });
});

describe('bars', () => {
  test('show that a little is more than nothing, and never grow too long', () => {
    expect(usageBar({ used: 0.0001, reserved: 0 }, 10, uncoloured)).toBe('█░░░░░░░░░');
    expect(usageBar({ used: 0.5, reserved: 0.2 }, 10, uncoloured)).toBe('█████▒▒░░░');
    fc.assert(
      fc.property(fc.double({ min: 0, max: 3, noNaN: true }), fc.double({ min: 0, max: 3, noNaN: true }), (used, reserved) => {
        expect(usageBar({ used, reserved }, 30, uncoloured)).toHaveLength(30);
        expect(progressBar(used, 30)).toHaveLength(30);
      }),
    );
  });

  test('are full only when all is done', () => {
    expect(progressBar(0.999, 10)).toBe('█████████░');
    expect(progressBar(1, 10)).toBe('██████████');
    expect(percent(0.9999)).toBe('99.9 %');
    expect(percent(1)).toBe('100 %');
  });
});

test('the last use is said as people say it', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');
  expect(ago(null, now)).toBe('never');
  expect(ago('2026-11-20T11:59:30Z', now)).toBe('just now');
  expect(ago('2026-11-20T12:00:05Z', now)).toBe('just now');
  expect(ago('2026-11-17T09:00:00Z', now)).toBe('3d ago');
});

test('every reason has a sentence of its own', () => {
  const sentences = reasons.map((reason) => reasonTerm(reason, true).says);
  expect(new Set(sentences).size).toBe(reasons.length);
  expect(sentences.every((sentence) => sentence.length > 10)).toBe(true);
});
