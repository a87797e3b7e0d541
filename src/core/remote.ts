/**
 * A place of models that is no directory: a bucket, a repository of Hugging Face, a version on Civitai, a file of a web server. Plain
 * data without secrets: credentials come from where each service keeps them. `driver` names the driver that reads it.
 */
export type Remote = S3Remote | HuggingFaceRemote | CivitaiRemote | WebRemote;

interface RemoteFacts {
  /** Lower-case letters, digits, `-` and `_`; unique. Names its directory of placeholders. */
  name: string;
  /** As configured. */
  url: string;
  /** ComfyUI's category of all its files; null = the first directory below the prefix names it. */
  to: string | null;
  /** A glob over the paths below the prefix: other files are not listed. Null = all models. */
  list: string | null;
  /** The HTTP proxy that requests go through, such as `http://127.0.0.1:4001`. */
  proxy: string | null;
  /** Price of reading its bytes. */
  price: Price | null;
  /** Whether a content that differs from its published hash is refused, or only reported. */
  verify: 'report' | 'strict';
}

/** Bytes and requests that were read from a remote. */
export interface Spent {
  /** Its name. */
  remote: string;
  bytes: number;
  requests: number;
}

export interface S3Remote extends RemoteFacts {
  driver: 's3';
  scheme: 's3';
  bucket: string;
  /** Keys begin with it and a slash; without slashes at its ends, empty = the whole bucket. */
  prefix: string;
  /** Address of an engine other than AWS; null = AWS. Without a slash at its end. */
  endpoint: string | null;
  /** Null = as the SDK finds it, `auto` with an endpoint. */
  region: string | null;
  /** Profile of the SDK's shared configuration; null = the default one. */
  profile: string | null;
  /** Whether the bucket is a part of the path, or of the host name. */
  style: 'path' | 'virtual';
}

/** A bucket, or a part of one, in which hosts keep copies for each other. */
export interface SharedStore {
  at: S3Remote;
  /** Maximum bytes in it. */
  limit: number;
}

/** A content in the shared store. */
export interface StoreOrigin {
  at: S3Remote;
  /** The object below the store's prefix. */
  key: string;
  /** Expected SHA-256 of its bytes. */
  sha256: string;
}

export interface HuggingFaceRemote extends RemoteFacts {
  driver: 'http';
  scheme: 'hf';
  /** `org/name`. */
  repo: string;
  /** A commit, a branch or a tag. */
  revision: string;
  /** A folder of the repository, as the prefix of a bucket. */
  prefix: string;
}

export interface CivitaiRemote extends RemoteFacts {
  driver: 'http';
  scheme: 'civitai';
  /** Id of a model version, decimal. */
  id: string;
}

export interface WebRemote extends RemoteFacts {
  driver: 'http';
  scheme: 'web';
  /** Its address, without the parameters that are meant for autocached. */
  address: string;
}

/** Money for each GiB that is read. */
export interface Price {
  perGib: number;
  /** Such as `USD`. */
  currency: string;
}

/** The beginning of every placeholder. The shim in ComfyUI and the Python client know it too. */
export const placeholderOpening = 'autocached placeholder: ';
