// Modules of a program that share a file. A file costs more than its bytes, above all on Windows, where a virus scanner reads each:
// so modules that are loaded together share one, and a command loads little that it does not run.

/** Minimum number of separately loaded parts that share a module with the daemon for it to be a common one. */
const commonFrom = 2;

/**
 * The groups for rolldown's `codeSplitting`, first those which the others import.
 * @param first paths of the modules that every command loads
 * @param daemon paths of the modules that the daemon loads beside them
 */
export function chunkGroups({ first, daemon }) {
  let uses = null;
  const group =
    (name, holds, options = {}) =>
    (priority) => ({
      debugName: name,
      priority,
      ...options,
      name(id, context) {
        uses ??= usesOf({ first, daemon }, context);
        return holds(id) ? name : null;
      },
    });
  const isCommon = (id) => uses.daemon.has(id) && uses.others(id) >= commonFrom;
  const groups = [
    group('zod', isZod),
    group('program', (id) => uses.first.has(id)),
    // Making the schemas takes longer than most commands run.
    group('common', (id) => isCommon(id) && !uses.needZod(id)),
    group('schemas', isCommon),
    group('shared', (id) => uses.daemon.has(id) && uses.others(id) > 0, { entriesAware: true }),
    group('daemon', (id) => uses.daemon.has(id)),
  ];
  return groups.map((make, index) => make(groups.length - index));
}

/** Importers of each module, from the graph of the imports. */
function usesOf({ first, daemon }, context) {
  const info = (id) => context.getModuleInfo(id);
  /** The modules loaded with a module, itself included. */
  const loadedWith = (ids) => reached(ids, (id) => info(id).importedIds);
  const reached = (ids, next) => {
    const found = new Set(ids.filter(info));
    for (const id of found) for (const other of next(id)) if (info(other)) found.add(other);
    return found;
  };
  const all = reached(first, (id) => [...info(id).importedIds, ...info(id).dynamicallyImportedIds]);
  const loadedLater = new Set([...all].flatMap((id) => info(id).dynamicallyImportedIds).filter(info));
  const counts = new Map();
  for (const entry of loadedLater) {
    if (daemon.includes(entry)) continue;
    for (const id of loadedWith([entry])) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return {
    first: loadedWith(first),
    daemon: loadedWith(daemon),
    others: (id) => counts.get(id) ?? 0,
    needZod: (id) => [...loadedWith([id])].some(isZod),
  };
}

function isZod(id) {
  return /node_modules[\\/]zod[\\/]/.test(id);
}
