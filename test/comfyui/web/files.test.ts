import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, '..', '..', '..', 'comfyui', 'web');

test('the sidebar sets no markup, loads nothing from elsewhere, runs no text, and says nothing on the console', () => {
  const forbidden =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|console\.|https?:\/\/|@import|url\(/;
  const files = readdirSync(folder);
  expect(files).toContain('autocached.js');
  expect(files.filter((file) => forbidden.test(readFileSync(join(folder, file), 'utf8')))).toEqual([]);
  expect(forbidden.test('element.innerHTML = name')).toBe(true);
});
