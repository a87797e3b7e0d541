import type Sqlite from 'better-sqlite3';

/** Told of each statement before it runs, with how many ran before it on this connection. What it throws ends that statement. */
export type Tracer = (sql: string, index: number) => void;

/** `better-sqlite3` whose connections to files tell what they do. */
export function tracedSqlite(real: typeof Sqlite, tracer: () => Tracer | null): typeof Sqlite {
  return new Proxy(real, {
    construct(target, [file, options]: [string, Sqlite.Options?]) {
      let index = 0;
      const verbose = (sql: unknown) => tracer()?.(String(sql), index++);
      return new target(file, file === ':memory:' ? options : { ...options, verbose });
    },
  });
}
