import { isIPv4, isIPv6 } from 'node:net';
import { compileGlob } from '../core/glob.ts';
import type { Medium } from '../core/types.ts';
import { expected, parseShare, parseSize } from '../core/units.ts';
import { logForms, logLevels } from '../runtime/log.ts';
import { type PathContext, parseMedium } from './paths.ts';
import type { Amount, Bounds, Config } from './types.ts';

/** Parsers of the values that the table of keys is made of. Each throws CacheError BAD_REQUEST for anything else. */
type Parse<V> = (text: string) => V;

/** One word of a closed list, in any case. */
export function oneOf<W extends string>(words: readonly W[]): Parse<W> {
  return (text) => {
    const word = words.find((candidate) => candidate === text.toLowerCase());
    if (word === undefined) throw expected(`one of ${words.join(', ')}`, text);
    return word;
  };
}

/** The same as parts of a key, which then tells its choices. */
export function choiceOf<const W extends string>(words: readonly W[]): { choices: readonly W[]; parse: Parse<W> } {
  return { choices: words, parse: oneOf(words) };
}

/** A whole number between two bounds, both allowed. */
export function wholeNumber(least: number, most: number): Parse<number> {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) throw expected(`a whole number from ${least} to ${most}`, text);
    return value;
  };
}

/** Like `parse`, but refuses 0; `word` means null. */
export function moreThanZero(parse: Parse<number>, word: string): Parse<number | null> {
  return (text) => {
    if (text.toLowerCase() === word) return null;
    const value = parse(text);
    if (value === 0) throw expected(`more than 0, or "${word}"`, text);
    return value;
  };
}

/** The word `off`, or a value for `parse`. */
export function orOff<V>(parse: (text: string, context: PathContext) => V): (text: string, context: PathContext) => V | 'off' {
  return (text, context) => (text.toLowerCase() === 'off' ? 'off' : parse(text, context));
}

/** Bytes or a share of the volume. */
function parseAmount(text: string): Exclude<Amount, { kind: 'auto' }> {
  return text.endsWith('%') ? { kind: 'share', share: parseShare(text) } : { kind: 'bytes', bytes: parseSize(text) };
}

/** Bytes, a share of the volume, or `auto`; zero is refused, as it would empty the tier. */
export function parseLimit(text: string): Amount {
  if (text.toLowerCase() === 'auto') return { kind: 'auto' };
  return moreThanNothing(text, 'more than 0, or "auto" (AUTOCACHE_MODE=off stops caching)');
}

/** Bytes, or a share of the limit; zero is refused. */
export function parseQuota(text: string): Amount {
  return moreThanNothing(text, 'more than 0');
}

function moreThanNothing(text: string, what: string): Amount {
  const amount = parseAmount(text);
  if ((amount.kind === 'bytes' ? amount.bytes : amount.share) === 0) throw expected(what, text);
  return amount;
}

/** Bytes or a share of the volume that stay free; the whole volume is refused, as nothing could ever be copied. */
export function parseFloor(text: string): Amount {
  const amount = parseAmount(text);
  if (amount.kind === 'share' && amount.share === 1) throw expected('less than 100%', text);
  return amount;
}

/** A share of the limit; zero is refused, as it would empty the tier. */
export function parseWater(text: string): number {
  const share = parseShare(text);
  if (share === 0) throw expected('a share of more than 0%', text);
  return share;
}

/** Items separated by `,` or `;`. Commas inside the braces of a glob belong to it. */
export function parseList(text: string): string[] {
  const items: string[] = [''];
  let closing = -1;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '{' && at > closing) closing = text.indexOf('}', at);
    // Without a closing brace it is a character like others.
    if (closing === -1 && character === '{') closing = at;
    if ((character === ',' || character === ';') && at > closing) items.push('');
    else items.push(`${items.pop()}${character}`);
  }
  return items.map((item) => item.trim()).filter((item) => item !== '');
}

/** The same, each a glob. @throws CacheError BAD_REQUEST */
export function parseGlobs(text: string): string[] {
  const globs = parseList(text);
  for (const glob of globs) compileGlob(glob, { ignoreCase: false, backslash: false });
  return globs;
}

/** `16MiB,loras=1MiB`: a value for everything (`overall` when left out), and others by name. */
export function bounds<K extends string, V>(options: { name: Parse<K>; value: Parse<V>; overall: V }): Parse<Bounds<K, V>> {
  return (text) => {
    let overall: V | undefined;
    const by = new Map<K, V>();
    for (const item of parseList(text)) {
      const [first = '', second] = item.split(/=(.*)/);
      if (second !== undefined) {
        const name = options.name(first.trim());
        if (by.has(name)) throw expected(`one value for ${name}`, text);
        by.set(name, options.value(second.trim()));
      } else if (overall === undefined) overall = options.value(first);
      else throw expected('one value for everything and name=value for the others', text);
    }
    return { overall: overall ?? options.overall, by: Object.fromEntries(by) as Partial<Record<K, V>> };
  };
}

/** A category of ComfyUI: any word. */
export function parseCategory(text: string): string {
  if (text === '') throw expected('a category before "="', text);
  return text;
}

/** A kind of source, or `peer` for the other hosts of a farm. */
export function parseRateKind(text: string): Medium | 'peer' {
  return text.toLowerCase() === 'peer' ? 'peer' : parseMedium(text);
}

/** `hdd=1,nas=2`: numbers by kind of source; `usual` holds for the others. */
export function perSource<U extends Partial<Record<Medium, number>>>(usual: U): Parse<U & Partial<Record<Medium, number>>> {
  const read = bounds<Medium, number | null>({ name: parseMedium, value: wholeNumber(1, 64), overall: null });
  return (text) => {
    const { overall, by } = read(text);
    if (overall !== null) throw expected('kinds with numbers such as hdd=1,nas=2', text);
    return { ...usual, ...(by as Partial<Record<Medium, number>>) };
  };
}

/** `127.0.0.1:8389`, `[::1]:8389`, `localhost:8389`, or a port alone, which means the loopback address. Port 0 = any free one. */
export function parseListen(text: string): Config['listen'] {
  const [, six, name, port = ''] = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d+)$/.exec(text) ?? [];
  const host = six ?? name ?? '127.0.0.1';
  if (port === '' || Number(port) > 65_535 || !(six === undefined ? isHost(host) : isIPv6(six))) {
    throw expected('host:port such as 127.0.0.1:8389 or [::1]:8389', text);
  }
  return { host, port: Number(port) };
}

/** `nas.local,models.lan:8443`: names, each with or without a port. */
export function parseHosts(text: string): string[] {
  return parseList(text).map((written) => {
    const [, six, name, port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(written) ?? [];
    const isName = six === undefined ? isHost(name ?? '') : isIPv6(six);
    if (!isName || Number(port ?? 0) > 65_535) throw expected('names such as nas.local or nas.local:8443', written);
    return written.toLowerCase();
  });
}

/** The address of a server, ending with `/`; null for `off`. */
export function parseUrl(text: string): string | null {
  if (text.toLowerCase() === 'off') return null;
  const url = URL.parse(text);
  const isServer = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === '';
  if (!isServer) throw expected('off or an address such as http://127.0.0.1:8188', text);
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

/** An OpenAI-compatible API, as clients have it; the address of a server alone means its `/v1`. */
export function parseApiUrl(text: string): string | null {
  const url = parseUrl(text);
  return url !== null && new URL(url).pathname === '/' ? `${url}v1/` : url;
}

function isHost(text: string): boolean {
  return /^[\d.]+$/.test(text) ? isIPv4(text) : /^[a-z\d](?:[a-z\d.-]*[a-z\d])?$/i.test(text);
}

/** `level` or `level,form`. */
export function parseLog(text: string): Config['log'] {
  const [level = '', form = 'pretty', ...rest] = text.split(',').map((part) => part.trim());
  if (rest.length > 0) throw expected('level or level,form such as info,pretty', text);
  return { level: oneOf(logLevels)(level), form: oneOf(logForms)(form) };
}
