import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { Remote } from '../../../src/core/remote.ts';
import { signature } from '../../helpers/hub-protocol.ts';
import { pattern } from '../subject.ts';
import { hubRemote, hubSubject, type RemoteSubject, s3Remote, s3Subject } from './remote-subject.ts';

const secrets = {
  HF_TOKEN: 'hf_verysecrettoken',
  AWS_ACCESS_KEY_ID: 'AKIDNOTFORLOGS',
  AWS_SECRET_ACCESS_KEY: 'verysecretkey',
  AWS_SESSION_TOKEN: 'verysecretsession',
};

/** All that a process prints that fails to read a file, and crashes of it. */
async function crash(remote: Remote, endpoint: string): Promise<{ said: string; code: number | null }> {
  const script = join(import.meta.dirname, 'crash-on-failure.ts');
  const env = { ...process.env, ...secrets, HF_ENDPOINT: endpoint };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, JSON.stringify(remote)], { env });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { said: out + err, code: child.exitCode };
}

const unspoken = new RegExp([...Object.values(secrets), 'signature=', 'Authorization', 'X-Amz-'].join('|'), 'i');

test.each<[string, () => Promise<RemoteSubject>, (subject: RemoteSubject) => Remote]>([
  ['a bucket', s3Subject, ({ server }) => s3Remote(server.url)],
  ['a repository of Hugging Face', hubSubject, () => hubRemote()],
])(
  'a process that fails to read %s tells no secret, neither when it logs nor when it crashes',
  { tags: 'slow' },
  async (_, create, remoteOf) => {
    const subject = await create();
    await subject.put('checkpoints/a.safetensors', pattern(1000));
    const { server } = subject;
    const remote = remoteOf(subject);
    for (const [status, body] of [
      [403, `<Error><Code>SignatureDoesNotMatch</Code><StringToSign>${secrets.AWS_SECRET_ACCESS_KEY}</StringToSign></Error>`],
      [500, secrets.HF_TOKEN],
      [400, secrets.HF_TOKEN],
      [302, ''],
    ] as const) {
      const location = `https://user:${secrets.HF_TOKEN}@127.0.0.2:1/?signature=${signature.valid}&token=${secrets.HF_TOKEN}`;
      server.faultFor = () => (_reply, response) => {
        response.writeHead(status, status === 302 ? { location } : { 'content-type': 'application/xml' });
        response.end(body);
      };
      const { said, code } = await crash(remote, server.url);
      expect([said.includes('CacheError'), code]).toEqual([true, 1]);
      expect(said).not.toMatch(unspoken);
    }
    expect(server.seen.some(({ authorization }) => authorization !== undefined)).toBe(true);
  },
);
