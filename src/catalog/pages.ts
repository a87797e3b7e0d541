/** Rows read at once: a millisecond or two. */
export const pageSize = 200;

/**
 * All rows, by their ids, read in pages: few are held at a time, and the catalog accepts writes in between.
 * @param page the first `pageSize` rows with an id greater than `after`
 */
export function* inPages<Row extends { id: number }>(page: (after: number) => Row[]): Generator<Row> {
  for (let after = 0; ; ) {
    const rows = page(after);
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < pageSize) return;
    after = last.id;
  }
}
