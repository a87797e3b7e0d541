import { CacheError } from '../core/errors.ts';
import { compileGlob } from '../core/glob.ts';
import type { CivitaiRemote, HuggingFaceRemote, Price, Remote, S3Remote, WebRemote } from '../core/remote.ts';

type Common = Pick<Remote, 'name' | 'url' | 'to' | 'list' | 'proxy' | 'price' | 'verify'>;

/** A remote as it is written: `rest` follows the scheme, without the parameters. */
interface Written {
  common: Common;
  rest: string;
  parameters: Parameters;
}

type Parameters = Map<string, string>;

const common = ['to', 'list', 'proxy', 'price', 'verify'];
/** Parameters by scheme. Those of a web server that are not known are part of its address. */
const known: Record<string, string[]> = {
  s3: [...common, 'endpoint', 'region', 'profile', 'style'],
  hf: common,
  civitai: common,
};
const secret =
  /^(?:x-amz-|x-goog-)|token|secret|password|passwd|signature|credential|^(?:sig|sv|auth|authorization|api[-_]?key|key|access[-_]?key.*)$/i;

/** The right place of credentials. */
const instead: Record<string, string> = {
  s3: "they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from ~/.aws/credentials (profile=NAME), or from the machine's role",
  hf: 'the token comes from HF_TOKEN, or from the file that "hf auth login" writes',
  civitai: 'the token comes from CIVITAI_API_TOKEN',
  https: 'autocached sends no password to a web server; use an address that needs none',
};

/**
 * `main=s3://bucket/models?region=eu-central-1;flux=hf://org/repo@commit?to=diffusion_models;x=civitai://123?to=loras;w=https://host/a.safetensors?to=vae`.
 * @throws CacheError BAD_REQUEST, without the text: it may hold a secret
 */
export function parseRemotes(text: string): Remote[] {
  const items = text.split(';').map((item) => item.trim());
  const remotes = items.filter((item) => item !== '').map((item, index) => parseRemote(item, index + 1));
  const names = remotes.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw unusable(twice, 'the name is used twice');
  return remotes;
}

/** One `name=address`. `number` names it where it has no name. @throws CacheError BAD_REQUEST, without the text */
export function parseRemote(text: string, number = 1): Remote {
  const [, name = '', url = ''] = /^([a-z\d][a-z\d_-]{0,31})=(.*)$/s.exec(text) ?? [];
  if (name === '') {
    throw unusable(`remote ${number}`, 'it needs a name of small letters, digits, "-" and "_", as in main=s3://bucket/models');
  }
  // Windows knows no directory of such a name.
  if (/^(?:con|prn|aux|nul|com\d|lpt\d)$/.test(name)) throw unusable(name, 'this name is taken by Windows');
  return parseAddress(name, url.trim());
}

/** The remote of an address. @throws CacheError BAD_REQUEST, without the address */
function parseAddress(name: string, url: string): Remote {
  const [, scheme = '', rest = '', query = ''] = /^(s3|hf|civitai|https?):\/\/([^?#\s]+)(?:\?([^#\s]*))?$/i.exec(url) ?? [];
  const kind = scheme.toLowerCase();
  if (kind === '') {
    throw unusable(name, 'expected an address such as s3://bucket/models, hf://org/repo, civitai://123 or https://host/file');
  }
  const parameters = parametersOf(name, query);
  assertNoSecret(name, kind, rest, parameters);
  const unknown = [...parameters.keys()].find((key) => !(known[kind] ?? [key]).includes(key));
  if (unknown !== undefined) throw unusable(name, `"${unknown}" is no parameter; there are ${known[kind]?.join(', ')}`);
  const written: Written = { common: { name, url, ...commonOf(name, parameters) }, rest, parameters };
  if (kind === 's3') return s3Of(written);
  if (kind === 'hf') return huggingFaceOf(written);
  return kind === 'civitai' ? civitaiOf(written) : webOf(kind, written);
}

function s3Of({ common, rest, parameters }: Written): S3Remote {
  const { name } = common;
  const [, bucket, path = ''] = /^([a-z\d][a-z\d._-]{1,62})(?:\/(.*))?$/i.exec(rest) ?? [];
  if (bucket === undefined) throw unusable(name, 'expected s3://bucket or s3://bucket/prefix');
  const endpoint = serverOf(name, 'endpoint', parameters);
  const style = parameters.get('style') ?? (endpoint === null ? 'virtual' : 'path');
  if (style !== 'path' && style !== 'virtual') throw unusable(name, 'style is path or virtual');
  const [region = null, profile = null] = [parameters.get('region'), parameters.get('profile')];
  return { ...common, driver: 's3', scheme: 's3', bucket, prefix: folderOf(name, path), endpoint, region, profile, style };
}

function huggingFaceOf({ common, rest }: Written): HuggingFaceRemote {
  const [, repo, revision = 'main', path = ''] = /^([\w.-]+\/[\w.-]+)(?:@([^/]+))?(?:\/(.*))?$/.exec(rest) ?? [];
  if (repo === undefined || /(?:^|\/)\.+(?:$|\/)/.test(repo)) {
    throw unusable(common.name, 'expected hf://org/repo, hf://org/repo@commit or hf://org/repo@commit/folder');
  }
  const folder = folderOf(common.name, path);
  return { ...common, driver: 'http', scheme: 'hf', repo, revision: decoded(common.name, revision), prefix: folder };
}

function civitaiOf({ common, rest }: Written): CivitaiRemote {
  const [, id] = /^(\d{1,15})\/?$/.exec(rest) ?? [];
  if (id === undefined) throw unusable(common.name, 'expected civitai:// and the number of a model version');
  return { ...common, driver: 'http', scheme: 'civitai', id };
}

function webOf(scheme: string, { common, rest, parameters }: Written): WebRemote {
  const own = [...parameters].filter(([key]) => !isCommon(key));
  const query = own.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join('&');
  const url = URL.parse(`${scheme}://${rest}${query === '' ? '' : `?${query}`}`);
  if (url === null || url.pathname.endsWith('/')) throw unusable(common.name, 'expected the address of one file');
  return { ...common, driver: 'http', scheme: 'web', address: url.href };
}

function isCommon(key: string): boolean {
  return common.includes(key);
}

function commonOf(name: string, parameters: Parameters): Omit<Common, 'name' | 'url'> {
  const [to = null, list = null] = [parameters.get('to'), parameters.get('list')];
  if (to !== null && !/^[\w-][\w .-]*$/.test(to)) throw unusable(name, 'to is one of the categories of ComfyUI, such as loras');
  if (list !== null) compileGlob(list, { ignoreCase: false, backslash: false });
  const verify = parameters.get('verify') ?? 'report';
  if (verify !== 'report' && verify !== 'strict') throw unusable(name, 'verify is report or strict');
  return { to, list, proxy: serverOf(name, 'proxy', parameters), price: priceOf(name, parameters.get('price')), verify };
}

/** `0.09` or `0.09EUR`. */
function priceOf(name: string, text: string | undefined): Price | null {
  if (text === undefined) return null;
  const [, amount, currency = 'USD'] = /^(\d{1,6}(?:\.\d{1,9})?)\s*([a-z]{3})?$/i.exec(text) ?? [];
  if (amount === undefined) throw unusable(name, 'price is the money for each GiB, such as 0.09 or 0.09EUR');
  return { perGib: Number(amount), currency: currency.toUpperCase() };
}

/** The address of a server, without a path of its own; null when it is not given. */
function serverOf(name: string, key: 'endpoint' | 'proxy', parameters: Parameters): string | null {
  const text = parameters.get(key);
  if (text === undefined) return null;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw unusable(name, `${key} is an address such as https://host:9000`);
  if (url.username + url.password !== '') throw unusable(name, `${key} holds a password, which does not belong here`);
  if (url.search + url.hash !== '') throw unusable(name, `${key} is an address without parameters`);
  return url.href.replace(/\/+$/, '');
}

/** A path below a bucket or a repository, without slashes at its ends. */
function folderOf(name: string, path: string): string {
  const folder = decoded(name, path).replace(/^\/+|\/+$/g, '');
  if (folder.split('/').some((part) => part === '.' || part === '..') || folder.includes('\0')) {
    throw unusable(name, 'a folder named . or .. is none');
  }
  return folder;
}

function parametersOf(name: string, query: string): Parameters {
  const parameters: Parameters = new Map();
  for (const part of query.split('&').filter((part) => part !== '')) {
    const [, key = part, value = ''] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    if (parameters.has(key)) throw unusable(name, 'a parameter is given twice');
    parameters.set(decoded(name, key), decoded(name, value));
  }
  return parameters;
}

/** An address is shown and logged. */
function assertNoSecret(name: string, kind: string, rest: string, parameters: Parameters): void {
  const [first = '', repo = ''] = rest.split('/');
  const hasUser = first.includes('@') || (kind === 'hf' && /@hf_/.test(repo));
  const named = [...parameters.keys()].find((key) => !isCommon(key) && secret.test(key));
  if (!hasUser && named === undefined) return;
  const what = named === undefined ? 'a user or a password' : `the parameter "${named}"`;
  throw unusable(
    name,
    `${what} does not belong into an address, which is shown and logged: ${instead[kind] ?? instead['https']}`,
  );
}

function decoded(name: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable(name, 'it is not percent-encoded correctly');
  }
}

function unusable(name: string, why: string): CacheError {
  return new CacheError('BAD_REQUEST', `${name}: ${why}`);
}
