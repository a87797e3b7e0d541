import { createHash } from 'node:crypto';
import {
  type Asked,
  bytesOf,
  type HeldObject,
  notFound,
  type ObjectServer,
  type Protocol,
  type Reply,
} from './object-server.ts';

export const repository = { repo: 'org/flux', revision: 'a'.repeat(40) };
const { repo, revision } = repository;

/** A repository as Hugging Face answers for it: the files lie elsewhere, behind signed addresses. */
export const hubProtocol: Protocol = (asked, server) => {
  const { pathname, searchParams } = asked.url;
  const tree = `/api/models/${repo}/tree/${revision}`;
  if (pathname === `/api/models/${repo}/paths-info/${revision}`) return pathsInfo(asked, server);
  if (pathname === tree || pathname.startsWith(`${tree}/`))
    return listing(asked, server, decodeURIComponent(pathname.slice(tree.length + 1)));
  const file = `/${repo}/resolve/${revision}/`;
  if (pathname.startsWith(file)) return redirect(decodeURIComponent(pathname.slice(file.length)), server);
  if (!pathname.startsWith('/cdn/')) return null;
  const key = decodeURIComponent(pathname.slice('/cdn/'.length));
  const object = server.objects.get(key);
  if (!object) return notFound(key);
  // Such places refuse what comes with a token of another service.
  if (asked.headers.authorization !== undefined) return { ...notFound(key), status: 400 };
  return searchParams.get('signature') === signature.valid ? bytesOf(object, asked, key) : { ...notFound(key), status: 403 };
};

/** The signature that addresses of files must carry; another one from now on makes the given ones expire. */
export const signature = { valid: 'first' };

function redirect(key: string, server: ObjectServer): Reply {
  const object = server.objects.get(key);
  if (!object || !server.isThere) return notFound(key);
  const headers = {
    location: `http://localhost:${server.port}/cdn/${encodeURIComponent(key)}?signature=${signature.valid}`,
    'x-linked-etag': `"${oidOf(object)}"`,
    'x-linked-size': String(object.bytes.length),
  };
  return { status: 302, headers, body: Buffer.alloc(0), about: key };
}

/** Git's name of the bytes, or their SHA-256 where the file is in LFS. */
function oidOf({ sha256, bytes }: HeldObject): string {
  return sha256 ?? createHash('sha1').update(bytes).digest('hex');
}

function entryOf(path: string, object: HeldObject | undefined): object {
  if (!object) return { type: 'directory', oid: '0'.repeat(40), size: 0, path };
  const { bytes, sha256, mtimeMs } = object;
  return {
    type: 'file',
    oid: createHash('sha1').update(bytes).digest('hex'),
    size: bytes.length,
    path,
    ...(sha256 !== null && { lfs: { oid: sha256, size: bytes.length, pointerSize: 130 } }),
    lastCommit: { id: '0'.repeat(40), title: 'upload', date: new Date(mtimeMs).toISOString() },
  };
}

function json(value: unknown, about: string, headers = {}): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify(value)),
    about,
  };
}

function pathsInfo({ body }: Asked, server: ObjectServer): Reply {
  const { paths } = JSON.parse(body) as { paths: string[] };
  const [path = ''] = paths;
  if (!server.isThere) return notFound(path);
  const isFolder = [...server.objects.keys()].some((key) => key.startsWith(`${path}/`));
  const object = server.objects.get(path);
  return json(object || isFolder ? [entryOf(path, object)] : [], path);
}

function listing({ url }: Asked, server: ObjectServer, folder: string): Reply {
  if (!server.isThere) return notFound(folder);
  const prefix = folder === '' ? '' : `${folder}/`;
  const keys = [...server.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const isDeep = url.searchParams.get('recursive') === 'true';
  const foldersOf = (key: string) => {
    const names = key.slice(prefix.length).split('/').slice(0, -1);
    return names.map((_, at) => prefix + names.slice(0, at + 1).join('/')).slice(0, isDeep ? undefined : 1);
  };
  const inFolder = keys.filter((key) => isDeep || !key.slice(prefix.length).includes('/'));
  const paths = [...new Set([...keys.flatMap(foldersOf), ...inFolder])].sort();
  if (folder !== '' && paths.length === 0) return notFound(folder);
  const from = Number(url.searchParams.get('cursor') ?? 0);
  const most = Number(url.searchParams.get('limit') ?? 50);
  const next = new URL(url);
  next.searchParams.set('cursor', String(from + most));
  const link = from + most < paths.length ? { link: `<${next.href}>; rel="next"` } : {};
  return json(
    paths.slice(from, from + most).map((path) => entryOf(path, server.objects.get(path))),
    folder,
    link,
  );
}
