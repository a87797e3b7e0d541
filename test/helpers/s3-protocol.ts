import { type Asked, bytesOf, type ObjectServer, type Protocol, type Reply } from './object-server.ts';

export const bucket = 'models';

/** A bucket as S3 answers for it. Who asks is not checked: versitygw does that. */
export const s3Protocol: Protocol = (asked, server) => {
  const [, named, ...rest] = asked.url.pathname.split('/');
  if (named !== bucket) return null;
  const key = decodeURIComponent(rest.join('/'));
  if (!server.isThere) return failed(404, 'NoSuchBucket', key);
  if (key === '') return listing(asked, server);
  const object = server.objects.get(key);
  if (!object) return failed(404, 'NoSuchKey', key);
  const reply = bytesOf(object, asked, key);
  if (reply.status === 412) return failed(412, 'PreconditionFailed', key);
  const checksum =
    object.sha256 === null ? {} : { 'x-amz-checksum-sha256': Buffer.from(object.sha256, 'hex').toString('base64') };
  return { ...reply, headers: { ...reply.headers, ...checksum } };
};

/** An error as S3 tells it. */
function failed(status: number, code: string, about: string): Reply {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body: Buffer.from(body), about };
}

function listing({ url }: Asked, server: ObjectServer): Reply {
  const ask = (name: string) => url.searchParams.get(name);
  const prefix = ask('prefix') ?? '';
  const delimiter = ask('delimiter');
  const most = Number(ask('max-keys') ?? 1000);
  const after = ask('continuation-token') ?? '';
  const keys = [...server.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const folderOf = (key: string) => {
    const at = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length);
    return at < 0 ? null : key.slice(0, at + 1);
  };
  const items = [...new Set(keys.map((key) => folderOf(key) ?? key))].filter((item) => item > after);
  const page = items.slice(0, most);
  const isCut = items.length > most;
  const encode = (text: string) => encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%20', '+');
  const contents = page
    .filter((item) => server.objects.has(item))
    .map((key) => {
      const { bytes, etag, mtimeMs } = server.objects.get(key) as NonNullable<ReturnType<typeof server.objects.get>>;
      const time = new Date(mtimeMs).toISOString();
      return `<Contents><Key>${encode(key)}</Key><LastModified>${time}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${bytes.length}</Size></Contents>`;
    });
  const folders = page
    .filter((item) => item.endsWith('/'))
    .map((item) => `<CommonPrefixes><Prefix>${encode(item)}</Prefix></CommonPrefixes>`);
  const next = isCut ? `<NextContinuationToken>${encode(page.at(-1) ?? '')}</NextContinuationToken>` : '';
  const body = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><EncodingType>url</EncodingType><KeyCount>${page.length}</KeyCount><IsTruncated>${isCut}</IsTruncated>${next}${contents.join('')}${folders.join('')}</ListBucketResult>`;
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(body),
    about: prefix.replace(/\/$/, ''),
  };
}
