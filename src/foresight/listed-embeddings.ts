/** Of one remote at most: bytes of each embedding, bytes of all, and how many. */
const most = { each: 16 * 2 ** 20, all: 512 * 2 ** 20, count: 2000 };

interface Listed {
  path: string;
  fingerprint: { size: number };
}

/**
 * The embeddings of a remote that are copied as soon as it is listed: programs open those that a text names past every hook, so they
 * have to be there before. Large ones, and what is beyond the bounds, are copied when a prompt names them.
 * @param nameOf the category of a path
 */
export function listedEmbeddings(
  files: readonly Listed[],
  nameOf: (path: string) => { category: string } | null,
): { item: string; ask: { path: string } }[] {
  const small = files
    .filter(({ path, fingerprint }) => fingerprint.size <= most.each && nameOf(path)?.category === 'embeddings')
    .toSorted((a, b) => a.fingerprint.size - b.fingerprint.size);
  const taken: string[] = [];
  let left = most.all;
  for (const { path, fingerprint } of small.slice(0, most.count)) {
    left -= fingerprint.size;
    if (left >= 0) taken.push(path);
  }
  return taken.map((path) => ({ item: path, ask: { path } }));
}
