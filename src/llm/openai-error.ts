import type { CacheError } from '../core/errors.ts';

const types: Record<number, string | undefined> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

/** An error in the form that clients of OpenAI's API read, with what to do about it. */
export function openAiError({ code, status, message, hint }: CacheError) {
  const type = types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
  return { error: { message: hint === null ? message : `${message}. ${hint}`, type, param: null, code } };
}
