import type { Proof, Published } from '../../driver.ts';

/**
 * What a driver of remote objects needs of their service. An object is named by its key, a path with forward slashes below the
 * remote's prefix. All errors are `RemoteFailure`s; none says a secret. A call makes one attempt: `persistent` repeats it.
 */
export interface ObjectStore {
  /** Its address for messages, without credentials and parameters. */
  readonly address: string;

  look(key: string, signal: AbortSignal): Promise<ObjectLook>;

  /**
   * One page of the objects in a folder (`''` = the top), also in the folders below when `deep`.
   * @throws RemoteFailure `missing` when there is no such store
   */
  list(folder: string, request: PageRequest): Promise<ObjectPage>;

  /**
   * The bytes from `from` to before `end`, of that version only. What the answer says of them is checked before it is handed out.
   * @throws RemoteFailure `changed` when the object has another version meanwhile
   */
  read(object: StoredObject, range: ByteRange, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface StoredObject {
  key: string;
  /** Bytes. */
  size: number;
  /** Whole seconds: the placeholder that stands for it in lists keeps no more. */
  mtimeNs: bigint;
  /** Another one with every change of the content: an ETag, a hash. */
  version: string;
  /** The strongest checksum that the service tells for the whole object; null = none, or not asked for. */
  proof: Proof | null;
}

export type ObjectLook = { is: 'object'; object: StoredObject } | { is: 'folder' } | { is: 'absent' };

export interface PageRequest {
  deep: boolean;
  /** `next` of the page before. */
  from?: string | undefined;
  /** At most so many; the service's own number by default. */
  most?: number;
  signal?: AbortSignal | undefined;
}

export interface ObjectPage {
  objects: StoredObject[];
  /** Keys of the folders in this folder, without a slash at the end; empty when the page is `deep`. */
  folders: string[];
  /** Where the next page begins; null at the end. */
  next: string | null;
}

export interface ByteRange {
  from: number;
  /** After the last byte. */
  end: number;
}

/** The SHA-256 that a service tells for an object. */
export function publishedOf({ proof }: StoredObject): Published | null {
  return proof?.kind === 'sha256' ? { sha256: proof.value, from: proof.from } : null;
}
