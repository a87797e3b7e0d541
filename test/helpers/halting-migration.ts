/**
 * A process that opens the catalog in its first argument and stops before the first statement that contains its second one. It
 * reports that on standard output, and waits to be killed.
 */
import { writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import Sqlite from 'better-sqlite3';
import { systemClock } from '../../src/runtime/clock.ts';
import { tracedSqlite } from './traced-sqlite.ts';

const [file = '', halt = ''] = process.argv.slice(2);

function haltAt(sql: string): void {
  if (!sql.includes(halt)) return;
  writeSync(1, 'halted\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

Object.assign(globalThis, { sqlite: tracedSqlite(Sqlite, () => haltAt) });
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'better-sqlite3'
      ? { url: 'data:text/javascript,export default globalThis.sqlite', shortCircuit: true }
      : next(specifier, context),
});
const { Catalog } = await import('../../src/catalog/catalog.ts');
new Catalog(file, systemClock)[Symbol.dispose]();
