import { jsonOf } from '../../core/json.ts';

const waitMs = 3000;

/** Answer of a server for a page; status 0 when it does not answer in time. */
export interface Page {
  status: number;
  text: string;
  /** Null when the text is no JSON. */
  json: unknown;
}

/** Asks a server for a page. Redirects count as no answer. @param url ends with `/` @param init such as another method */
export async function get(url: string, path: string, init: RequestInit = {}): Promise<Page> {
  try {
    const response = await fetch(new URL(path, url), { signal: AbortSignal.timeout(waitMs), redirect: 'error', ...init });
    const text = await response.text();
    return { status: response.status, text, json: jsonOf(text) ?? null };
  } catch {
    return { status: 0, text: '', json: null };
  }
}
