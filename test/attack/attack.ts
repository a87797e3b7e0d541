import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import { newNonce } from '../../src/runtime/mutual-proof.ts';
import { createServices } from '../helpers/services.ts';
import { addresses, crossSite, forgedProofs, otherBodies, rebound, withoutToken } from './http-attacks.ts';
import { documents, names, paths, patterns, shapes } from './input-attacks.ts';
import { type Answered, type Attack, type Sent, type Target, wholeTable } from './table.ts';

const kinds = [
  withoutToken,
  rebound,
  crossSite,
  otherBodies,
  addresses,
  forgedProofs,
  paths,
  shapes,
  patterns,
  names,
  documents,
];

/** The table, which only ever grows. */
const attacks = wholeTable(kinds);
const least = 1200;

/** Tries one attack of each `every` of the table on a daemon that listens. */
export function testAttacks(every: number): void {
  test(`${attacks.length} attacks are known, and of each kind some`, () => {
    expect(attacks.length).toBeGreaterThanOrEqual(least);
    expect(new Set(attacks.map(({ kind, input }) => `${kind} ${input}`)).size).toBe(attacks.length);
  });

  test('one that succeeded would be seen', async () => {
    const open: Answered = { status: 200, text: '{"reason":"HIT"} root:x:0', headers: {} };
    const careless = { token: 'none', host: 'a:1', soonMs: 0, send: async () => open, afterProof: async () => open };
    const blind = await Promise.all(
      attacks.map(async (attack) => ((await attempt(attack, careless)) === null ? attack.kind : null)),
    );
    // Bodies of a wrong shape may be answered, and names are not sent to anybody.
    expect(new Set(blind)).toEqual(new Set([null, 'shape', 'name']));
  });

  test(`none of them succeeds (one in ${every} is tried)`, { timeout: 15 * 60_000 }, async () => {
    const target = await startTarget();
    const succeeded: string[] = [];
    for (const attack of attacks.filter((_, at) => at % every === 0)) {
      const how = await attempt(attack, target);
      if (how !== null) succeeded.push(`${attack.kind}: ${attack.input}: ${how}`);
    }
    expect(succeeded).toEqual([]);
    // It is as it was: it answers to who has the token, and to nobody else.
    expect((await target.send({ url: '/api/jobs', authorised: true })).status).toBe(200);
    expect((await target.send({ url: '/api/jobs' })).status).toBe(401);
  });
}

async function attempt(attack: Attack, target: Target): Promise<string | null> {
  try {
    return await attack.run(target);
  } catch (error) {
    return `it breaks: ${error}`;
  }
}

async function startTarget(): Promise<Target> {
  const token = newNonce();
  const hosts = new Set<string>();
  const app = createApp(createServices().services, { token, hosts });
  onTestFinished(() => app.close());
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const { host } = new URL(url);
  hosts.add(host);

  const ask = async (
    { method = 'GET', url: path, headers = {}, body, authorised }: Sent,
    agent: Agent | false,
  ): Promise<Answered> => {
    const [hostname, port] = host.split(':');
    const all = { host, ...(authorised && { authorization: `Bearer ${token}` }), ...headers };
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    const outgoing = request({ hostname, port, method, path, headers: sent as Record<string, string>, agent });
    return new Promise((resolve, reject) => {
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        text(response).then(
          (content) => resolve({ status: response.statusCode ?? 0, text: content, headers: response.headers }),
          reject,
        );
      });
      outgoing.end(body);
    });
  };

  return {
    token,
    host,
    soonMs: 5_000,
    send: (sent) => ask(sent, false),
    async afterProof(make) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        const key = newNonce();
        const { nonce, proof } = JSON.parse((await ask({ url: `/api/proof?nonce=${key}` }, agent)).text);
        return await ask(make({ key, nonce, proof }), agent);
      } finally {
        agent.destroy();
      }
    },
  };
}
