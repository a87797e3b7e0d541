import { errnoOf } from '../../../runtime/errnos.ts';
import { failureOfStatus, RemoteFailure } from '../remote/remote-failure.ts';

/** The used fields of the SDK's errors. Others may repeat signed data. */
interface SdkError {
  name?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { headers?: Record<string, string> };
}

const slow = /^(SlowDown|Throttl|TooManyRequests|RequestLimitExceeded|ServiceUnavailable|RequestThrottled)/;
/** Errors that pass with the next request: the SDK has set its clock by the answer, or fetches new credentials. */
const passing = /^(RequestTimeTooSkewed|ExpiredToken|RequestTimeout|InternalError)/;
const credentials =
  /^(CredentialsProviderError|TokenProviderError|InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|InvalidToken)/;

/** The failure for an error of the SDK, in our own words. */
export function asS3Failure(error: unknown, address: string): RemoteFailure {
  if (error instanceof RemoteFailure) return error;
  const { name = '', $metadata, $response } = (error ?? {}) as SdkError;
  const retryAfter = $response?.headers?.['retry-after'] ?? null;
  const status = $metadata?.httpStatusCode;
  if (name === 'AbortError') return new RemoteFailure('away', `${address} did not answer in time`);
  if (slow.test(name)) return failureOfStatus(503, address, retryAfter) as RemoteFailure;
  if (passing.test(name)) return new RemoteFailure('broken', `${address} answers with an error (${name})`);
  if (credentials.test(name)) return new RemoteFailure('denied', `${address} refuses access (${name})`, { hint });
  if (name === 'NoSuchBucket') return new RemoteFailure('missing', `${address} is not there`);
  if (status === 301 || status === 307 || name === 'PermanentRedirect')
    return new RemoteFailure('unfit', `${address} lies in another region`, { hint: 'Name it in the remote: ?region=…' });
  const failure = status === undefined ? null : failureOfStatus(status, address, retryAfter);
  return (
    failure ??
    new RemoteFailure('away', `${address} does not answer (${errnoOf(error) ?? (/^\w+$/.test(name) ? name : 'no reason')})`)
  );
}

const hint =
  'Credentials are found as the AWS programs find them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, or the role of the machine.';
