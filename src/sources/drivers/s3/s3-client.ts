import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { environmentVariable } from '../../../config/environment-variable.ts';
import type { S3Remote } from '../../../core/remote.ts';
import { nodeHttp } from '../../../runtime/node-http.ts';
import { agentOptions } from '../remote/agent-options.ts';

const connectMs = 10_000;
/** Engines other than AWS mostly take this one for their own. */
const usualRegion = 'us-east-1';

/** A client for a remote. Credentials come by the SDK's own chain: environment, shared configuration, SSO, the role of the machine. */
export function s3Client({ endpoint, region, profile, style, proxy }: S3Remote): S3Client {
  const options = agentOptions(proxy);
  const named = region ?? (endpoint === null ? null : (environmentVariable('AWS_REGION') ?? usualRegion));
  return new S3Client({
    ...(named !== null && { region: named }),
    ...(profile !== null && { profile }),
    ...(endpoint !== null && { endpoint }),
    forcePathStyle: style === 'path',
    // Requests are repeated by us: the answers to all of a remote's requests decide how many are made at once.
    maxAttempts: 1,
    // A checksum over the whole object says nothing of a part.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMs,
      httpAgent: new nodeHttp.Agent(options),
      httpsAgent: new HttpsAgent(options),
      // No warning on stderr when many requests wait for a connection.
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
    },
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
}
