import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const project = fileURLToPath(new URL('..', import.meta.url));

/** Files by their path from the project's directory, with forward slashes, and what each imports of ours. */
type Imports = Map<string, string[]>;

/** Which rooms a room may import, besides those that all may: read from the table in ARCHITECTURE. */
interface Table {
  all: Set<string>;
  rooms: Map<string, Set<string>>;
}

/** What a thread or process that copies must never load: SQLite has one writer, and it is the daemon. */
const entriesOfWorkers = [
  'src/transfer/worker.ts',
  'src/transfer/restore-worker.ts',
  'src/transfer/verify-worker.ts',
  'src/sources/entry.ts',
  'src/farm/listener.ts',
];
const closedToWorkers = ['catalog', 'jobs', 'space', 'placement', 'lookup', 'http', 'compose', 'cli'];

function readTable(text: string): Table {
  const rows = [...text.matchAll(/^\| `([\w-]+)` *\|[^|]*\|([^|]*)\|$/gm)].map(
    ([, room = '', may = '']) => [room, new Set([...may.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name))] as const,
  );
  const all = /^All rooms may import (.*?)\./m.exec(text)?.[1] ?? '';
  return { all: new Set([...all.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name)), rooms: new Map(rows) };
}

function readImports(top: string): Imports {
  const files = readdirSync(join(top, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    files.map((file) => {
      const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import|import\()\s*'(\.{1,2}\/[^']+)'/g);
      const targets = [...specifiers].map(([, specifier = '']) => join(dirname(file), specifier));
      return [slashed(relative(top, file)), targets.map((target) => slashed(relative(top, target)))];
    }),
  );
}

function slashed(path: string): string {
  return path.replaceAll(sep, '/');
}

/** `src/catalog/catalog.ts` lies in `catalog`; what lies in `src` itself has no room. */
function roomOf(file: string): string | null {
  return /^src\/([^/]+)\//.exec(file)?.[1] ?? null;
}

/** Every import that the table does not allow, and every room that it does not know. */
function breaches(imports: Imports, { all, rooms }: Table): string[] {
  return [...imports].flatMap(([file, targets]) => {
    const room = roomOf(file);
    // The package's entry re-exports the client.
    if (room === null) return [];
    const may = rooms.get(room);
    if (!may) return [`${file}: the room ${room} is not in the table of ARCHITECTURE.md`];
    return targets.flatMap((target) => {
      const other = roomOf(target);
      return other === room || (other !== null && (may.has(other) || (all.has(other) && !all.has(room))))
        ? []
        : [`${file} may not import ${target}`];
    });
  });
}

/** All that is loaded with a file. */
function closure(imports: Imports, entry: string): Set<string> {
  const seen = new Set<string>();
  const open = [entry];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    open.push(...(imports.get(file) ?? []));
  }
  return seen;
}

function breachesOfWorkers(imports: Imports): string[] {
  return entriesOfWorkers.flatMap((entry) =>
    [...closure(imports, entry)]
      .filter((file) => closedToWorkers.includes(roomOf(file) ?? ''))
      .map((file) => `${entry} loads ${file}`),
  );
}

describe('the table of rooms', () => {
  const table = readTable(readFileSync(join(project, 'docs/ARCHITECTURE.md'), 'utf8'));
  const imports = readImports(project);

  test('names every room of the source, and no other', () => {
    const rooms = readdirSync(join(project, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...table.rooms.keys()].sort()).toEqual(rooms.map(({ name }) => name).sort());
  });

  test('is kept by every import', () => {
    expect(breaches(imports, table)).toEqual([]);
  });

  test('has no circle: no room imports one that may import it', () => {
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
      [...(table.rooms.get(from) ?? [])].some((next) => {
        if (next === to) return true;
        if (seen.has(next)) return false;
        seen.add(next);
        return reaches(next, to, seen);
      });
    expect([...table.rooms.keys()].filter((room) => reaches(room, room))).toEqual([]);
  });

  test('keeps the catalog out of every thread and process that copies', () => {
    for (const entry of entriesOfWorkers) expect(existsSync(join(project, entry))).toBe(true);
    expect(breachesOfWorkers(imports)).toEqual([]);
  });

  test('keeps zod out of them: each would take ten megabytes more', () => {
    const withZod = (file: string) => /from 'zod'/.test(readFileSync(join(project, file), 'utf8'));
    expect([...imports.keys()].filter(withZod)).not.toEqual([]);
    expect(entriesOfWorkers.flatMap((entry) => [...closure(imports, entry)].filter(withZod))).toEqual([]);
  });

  const seeded = (file: string, ...targets: string[]): Imports =>
    new Map([...imports, [file, [...(imports.get(file) ?? []), ...targets]]]);

  test.each<[string, string, string, string]>([
    ['a room that nobody has entered', 'src/attic/box.ts', 'src/core/types.ts', 'the room attic is not in the table'],
    [
      'a vocabulary that imports a room',
      'src/core/types.ts',
      'src/catalog/catalog.ts',
      'may not import src/catalog/catalog.ts',
    ],
    ['a store that knows who asks', 'src/catalog/copies.ts', 'src/lookup/lookup.ts', 'may not import src/lookup/lookup.ts'],
    ['a lookup that copies by itself', 'src/lookup/decide.ts', 'src/jobs/queue.ts', 'may not import src/jobs/queue.ts'],
    ['a command past the daemon', 'src/cli/commands/list.ts', 'src/catalog/catalog.ts', 'may not import src/catalog'],
    ['a file outside the rooms', 'src/lookup/decide.ts', 'src/index.ts', 'may not import src/index.ts'],
  ])('finds %s', (_what, file, target, said) => {
    expect(breaches(seeded(file, target), table)).toEqual([expect.stringContaining(said)]);
  });

  test('finds a worker that reaches the catalog by a way around', () => {
    const around = seeded('src/tiers/publish.ts', 'src/catalog/catalog.ts');
    expect(breachesOfWorkers(around)).toContain('src/transfer/worker.ts loads src/catalog/catalog.ts');
  });
});
