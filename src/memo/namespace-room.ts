import { type Entry, inlineBytes } from './entry.ts';
import type { Store } from './store.ts';

/** An incoming entry of a namespace, which replaces an earlier result of its key. */
type Coming = Pick<Entry, 'ns' | 'bytes'> & {
  /** Null for a vector, which is no result. */
  key: string | null;
};

/**
 * Makes room for an entry, in the limits of all and in those of its namespace, and stores it in the same turn.
 * @param inline bytes of it that are no blob @returns false, without a `put`, when too little can leave
 */
export async function storeInRoom(
  store: Store,
  coming: Pick<Entry, 'ns' | 'key' | 'bytes'> & { inline: number },
  put: () => void,
): Promise<boolean> {
  const { ns, key, inline } = coming;
  for (;;) {
    // The replaced entry leaves in the same transaction.
    const before = store.entries.find(ns, key);
    using room = await store.room.reserve(Math.max(0, inline - (before ? inlineBytes(before) : 0)), before ? 0 : 1);
    if (!room) return false;
    if (store.entries.find(ns, key)?.id !== before?.id) continue;
    if (!isShort(store, coming)) {
      put();
      return true;
    }
    if (!(await fitsNamespace(store, coming))) return false;
  }
}

/**
 * Keeps a namespace within its own limits: its least valuable entries leave for the incoming one, but not the entry that it belongs to.
 * @returns whether it fits; that holds until other work is waited for
 */
export async function fitsNamespace(store: Store, coming: Coming, own?: Pick<Entry, 'id'>): Promise<boolean> {
  const { maxBytes = Number.POSITIVE_INFINITY } = store.namespaces.of(coming.ns).settings;
  if (coming.bytes > maxBytes) return false;
  const stuck = new Set(own && [own.id]);
  while (isShort(store, coming)) {
    const id = store.leastWorth(1 + stuck.size, coming.ns).find((one) => !stuck.has(one));
    if (id === undefined) return false;
    if (store.isInUse(id)) stuck.add(id);
    else await store.evict(id);
  }
  return true;
}

/** Removes entries beyond lowered limits. */
export async function trimNamespace(store: Store, ns: string): Promise<void> {
  await fitsNamespace(store, { ns, key: null, bytes: 0 });
}

/** Whether the entry exceeds the namespace's own limits; counts nothing for a namespace without any. */
function isShort(store: Store, { ns, key, bytes }: Coming): boolean {
  const { maxItems, maxBytes } = store.namespaces.of(ns).settings;
  if (maxItems === undefined && maxBytes === undefined) return false;
  const held = store.heldBy(ns);
  const before = key === null ? undefined : store.entries.find(ns, key);
  const items = held.items + (key === null || before ? 0 : 1);
  const replaced = before ? before.bytes + store.meanings.texts.bytesOfEntry(before.id) : 0;
  return items > (maxItems ?? items) || held.bytes - replaced + bytes > (maxBytes ?? Number.POSITIVE_INFINITY);
}
