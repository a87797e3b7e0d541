import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Library } from '../../src/roots/library.ts';

const root = join('/', 'mnt', 'models');

function walked(library: Library, part: { directory: string; recursive: boolean }, ...rels: string[]): void {
  const walk = library.walk(root, part);
  const fingerprint = { size: 5_000_000_000, mtimeNs: '1', ino: null };
  for (const rel of rels) walk.add([{ path: join(root, rel), fingerprint }]);
  walk.end();
}

/** Paths below the root. */
function rels(library: Library): string[] {
  return [...library.files()].map(({ path }) => path.slice(root.length + 1));
}

test('a walk of a root replaces all that was known of it; what is no model is left out', () => {
  const library = new Library();
  walked(library, { directory: root, recursive: true }, 'old.safetensors');
  walked(library, { directory: root, recursive: true }, 'a.gguf', join('loras', 'ü 模.safetensors'), 'a.txt');
  expect([...library.files()]).toEqual([
    { path: join(root, 'a.gguf'), size: 5_000_000_000 },
    { path: join(root, 'loras', 'ü 模.safetensors'), size: 5_000_000_000 },
  ]);
  library.forget(root);
  expect(rels(library)).toEqual([]);
});

test('a walk of one directory replaces its own files, and leaves those below it and beside it', () => {
  const library = new Library();
  const [own, below, beside, alike, top] = ['loras/a.pt', 'loras/sdxl/b.pt', 'vae/c.pt', 'loras-old/d.pt', 'e.pt'].map((rel) =>
    join(rel),
  );
  walked(library, { directory: root, recursive: true }, ...[own, below, beside, alike, top].map(String));
  walked(library, { directory: join(root, 'loras'), recursive: false }, join('loras', 'new.pt'));
  expect(rels(library).sort()).toEqual([join('loras', 'new.pt'), below, beside, alike, top].sort());
  walked(library, { directory: root, recursive: false });
  expect(rels(library).sort()).toEqual([join('loras', 'new.pt'), below, beside, alike].sort());
});

test('files are found by their stem, in any folder, whatever else begins like it', () => {
  const library = new Library();
  expect(library.isListed(root)).toBe(false);
  const called = ['ink.pt', join('loras', 'ink.safetensors')];
  walked(library, { directory: root, recursive: true }, ...called, 'ink.v2.pt', 'pink.pt', join('ink.d', 'a.pt'));
  expect(library.isListed(root)).toBe(true);
  expect(library.withStem('ink')).toEqual(called.map((rel) => join(root, rel)));
  expect(library.withStem('ink.v2')).toEqual([join(root, 'ink.v2.pt')]);
});

test('a file that was read before a walk has met it is there, once', () => {
  const library = new Library();
  library.met(root, join(root, 'early.pt'), 1);
  expect(rels(library)).toEqual([]);
  walked(library, { directory: root, recursive: true }, 'a.pt', 'b.pt');
  for (const rel of ['a.pt', 'b.pt', 'new.pt', 'new.pt', 'note.txt']) library.met(root, join(root, rel), 7);
  expect([...library.files()].map(({ path, size }) => [path, size])).toEqual([
    [join(root, 'a.pt'), 5_000_000_000],
    [join(root, 'b.pt'), 5_000_000_000],
    [join(root, 'new.pt'), 7],
  ]);
  walked(library, { directory: root, recursive: true }, 'a.pt');
  expect(rels(library)).toEqual(['a.pt']);
});
