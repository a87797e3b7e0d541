import type Sqlite from 'better-sqlite3';

/**
 * Called with each statement before it runs, and the number of statements before it on this connection. If it throws, the statement
 * fails.
 */
export type Tracer = (sql: string, index: number) => void;

/** `better-sqlite3` whose connections to files report their statements. */
export function tracedSqlite(real: typeof Sqlite, tracer: () => Tracer | null): typeof Sqlite {
  return new Proxy(real, {
    construct(target, [file, options]: [string, Sqlite.Options?]) {
      let index = 0;
      const verbose = (sql: unknown) => tracer()?.(String(sql), index++);
      return new target(file, file === ':memory:' ? options : { ...options, verbose });
    },
  });
}
