import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { environmentVariable } from '../../../config/environment-variable.ts';
import type { S3Remote } from '../../../core/remote.ts';
import { nodeHttp } from '../../../runtime/node-http.ts';
import { agentOptions } from '../remote/agent-options.ts';

const connectMs = 10_000;
/** The default region, which most engines other than AWS accept. */
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
    // Retries are ours, because the answers to all of a remote's requests set the number of concurrent ones.
    maxAttempts: 1,
    // A checksum over the whole object does not prove a part.
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
