import type { Proof } from '../../driver.ts';

/** The checksums in an answer about an object. */
export interface ObjectFacts {
  ContentLength?: number | undefined;
  LastModified?: Date | undefined;
  ETag?: string | undefined;
  ChecksumSHA256?: string | undefined;
  ChecksumCRC64NVME?: string | undefined;
  ChecksumType?: string | undefined;
  ServerSideEncryption?: string | undefined;
  SSECustomerAlgorithm?: string | undefined;
}

/**
 * The strongest checksum over the whole object. A checksum over those of its parts is useless without knowing the parts. The ETag is an
 * MD5 for objects uploaded in one piece and not encrypted with a key of their own.
 */
export function s3Proof(facts: ObjectFacts, from: string): Proof | null {
  const { ChecksumSHA256, ChecksumCRC64NVME, ChecksumType, ETag = '', ServerSideEncryption = '', SSECustomerAlgorithm } = facts;
  const proof = (kind: Proof['kind'], value: string): Proof => ({ kind, value, from, binding: true });
  const isWhole = ChecksumType !== 'COMPOSITE';
  if (isWhole && ChecksumSHA256?.length === 44) return proof('sha256', hexOf(ChecksumSHA256));
  if (isWhole && ChecksumCRC64NVME !== undefined) return proof('crc64nvme', hexOf(ChecksumCRC64NVME));
  const [, md5] = /^"?([\da-f]{32})"?$/i.exec(ETag) ?? [];
  const isPlain = SSECustomerAlgorithm === undefined && !ServerSideEncryption.startsWith('aws:kms');
  return md5 !== undefined && isPlain ? proof('md5', md5.toLowerCase()) : null;
}

function hexOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}
