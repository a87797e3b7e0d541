import type { Proof, Published } from '../../driver.ts';

/**
 * The service of a driver of remote objects. An object is named by its key, a path with forward slashes below the remote's prefix. All
 * errors are `RemoteFailure`s, without secrets. A call makes one attempt: `persistent` repeats it.
 */
export interface ObjectStore {
  /** Its address for messages, without credentials and parameters. */
  readonly address: string;

  look(key: string, signal: AbortSignal): Promise<ObjectLook>;

  /**
   * One page of the objects in a folder (`''` = the top), also in the folders below when `deep`.
   * @throws RemoteFailure `missing` when the store does not exist
   */
  list(folder: string, request: PageRequest): Promise<ObjectPage>;

  /**
   * The bytes from `from` to before `end`, of that version only. The headers of the answer are checked first.
   * @throws RemoteFailure `changed` when the object has another version meanwhile
   */
  read(object: StoredObject, range: ByteRange, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface StoredObject {
  key: string;
  /** Bytes. */
  size: number;
  /** Whole seconds, the precision of placeholders. */
  mtimeNs: bigint;
  /** Differs after every change of the content: an ETag, a hash. */
  version: string;
  /** The strongest checksum of the whole object that the service publishes; null = none, or not requested. */
  proof: Proof | null;
}

export type ObjectLook = { is: 'object'; object: StoredObject } | { is: 'folder' } | { is: 'absent' };

export interface PageRequest {
  deep: boolean;
  /** `next` of the page before. */
  from?: string | undefined;
  /** Maximum number of objects; default: the service's. */
  most?: number;
  signal?: AbortSignal | undefined;
}

export interface ObjectPage {
  objects: StoredObject[];
  /** Keys of the folders in this folder, without a slash at the end; empty when the page is `deep`. */
  folders: string[];
  /** The start of the next page; null at the end. */
  next: string | null;
}

export interface ByteRange {
  from: number;
  /** The position after the last byte. */
  end: number;
}

/** The SHA-256 of an object that the service publishes. */
export function publishedOf({ proof }: StoredObject): Published | null {
  return proof?.kind === 'sha256' ? { sha256: proof.value, from: proof.from } : null;
}
