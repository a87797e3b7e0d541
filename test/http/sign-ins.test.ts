import { expect, test } from 'vitest';
import { ManualClock } from '../helpers/manual-clock.ts';
import { soon } from '../helpers/patience.ts';
import { createClient } from '../helpers/services.ts';

type Client = ReturnType<typeof createClient>;
type Sender = Pick<Client, 'send'>;

/** Exchanges a fresh code, as the page does. @returns what the browser then sends with each request */
async function signIn(client: Client, host = '127.0.0.1:8189') {
  const { body } = await client.post('/api/dashboard/code');
  const code = (body as { path: string }).path.slice(2);
  const request = { method: 'POST' as const, url: '/api/dashboard/session', payload: { code } };
  const answer = await client.send({ ...request, headers: { authorization: undefined, host } });
  const cookie = String(answer.headers['set-cookie']).split(';', 1)[0] ?? '';
  return { authorization: undefined, host, cookie, 'x-autocached-key': (answer.body as { key: string }).key };
}

const statusOf = async (client: Sender, headers: Record<string, string | undefined>, url = '/api/cache/stats') =>
  (await client.send({ method: 'GET', url, headers })).status;

test('a browser that was signed in once stays so: in other tabs, and after a restart of the daemon', async () => {
  const client = createClient();
  const browser = await signIn(client);
  expect(await statusOf(client, browser)).toBe(200);
  await expect.poll(() => client.catalog.signIns.all().length, soon()).toBe(1);
  const saved = JSON.stringify(client.catalog.signIns.all());
  expect(saved).not.toContain(browser['x-autocached-key']);
  expect(await statusOf(client.restarted(), browser)).toBe(200);
});

test('half a sign-in is none: a cookie that another port of this machine was shown, or a key alone', async () => {
  const client = createClient();
  const browser = await signIn(client);
  const other = await signIn(client);
  expect(await statusOf(client, { ...browser, 'x-autocached-key': undefined })).toBe(401);
  expect(await statusOf(client, { ...browser, cookie: undefined })).toBe(401);
  expect(await statusOf(client, { ...browser, 'x-autocached-key': other['x-autocached-key'] })).toBe(401);
  expect(await statusOf(client, { ...browser, cookie: browser.cookie.replace('8189', '8188') })).toBe(401);
});

test('a page of another origin changes nothing with the cookie that the browser sends along', async () => {
  const client = createClient();
  const browser = await signIn(client);
  const purge = (headers: Record<string, string | undefined>) =>
    client.send({ method: 'POST', url: '/api/cache/clear', payload: { all: true }, headers: { ...browser, ...headers } });
  for (const origin of ['http://127.0.0.1:8188', 'http://evil.example', 'null']) {
    expect((await purge({ origin })).status, origin).toBe(403);
    expect((await purge({ origin, 'x-autocached-key': undefined })).status, origin).toBe(403);
  }
  // A form of a page that hides where it is from.
  expect((await purge({ 'x-autocached-key': undefined })).status).toBe(401);
});

test('a sign-in is good for the dashboard, not for a language model', async () => {
  const client = createClient();
  const browser = await signIn(client);
  expect(await statusOf(client, browser, '/llm/v1/models')).toBe(401);
});

test('a browser is signed out: itself, by number, and all at once', async () => {
  const client = createClient();
  const [one, two, three] = [await signIn(client), await signIn(client), await signIn(client)];
  const out = (headers: Record<string, string | undefined>, payload: object) =>
    client.send({ method: 'POST', url: '/api/dashboard/sign-out', payload, headers });
  expect(await out(one, {})).toMatchObject({ status: 200, body: { signedOut: 1 } });
  expect(await statusOf(client, one)).toBe(401);
  const { body } = await client.send({ method: 'GET', url: '/api/dashboard/sign-ins', headers: two });
  const { signIns } = body as { signIns: { id: number; current: boolean }[] };
  expect(signIns).toHaveLength(2);
  const other = signIns.find(({ current }) => !current);
  expect(await out(two, { id: other?.id })).toMatchObject({ body: { signedOut: 1 } });
  expect(await statusOf(client, three)).toBe(401);
  expect(await out({}, { all: true })).toMatchObject({ body: { signedOut: 1 } });
  expect(await statusOf(client, two)).toBe(401);
  expect(await out({}, {})).toMatchObject({ status: 404 });
});

test('a browser that was not seen for a month is signed out', async () => {
  const clock = new ManualClock();
  const client = createClient({ clock });
  const browser = await signIn(client);
  const day = 24 * 3600_000;
  clock.advance(29 * day);
  expect(await statusOf(client, browser)).toBe(200);
  clock.advance(29 * day);
  expect(await statusOf(client, browser)).toBe(200);
  clock.advance(31 * day);
  expect(await statusOf(client, browser)).toBe(401);
});

test('signing in works by the further names of AUTOCACHE_HOSTS', async () => {
  const client = createClient({ hosts: ['nas.local', 'models.lan:8443', 'plain.lan:80'] });
  for (const host of ['nas.local:8189', 'models.lan:8443', 'plain.lan', 'NAS.local:8189']) {
    const browser = await signIn(client, host);
    expect(await statusOf(client, { ...browser, origin: `http://${host}` }), host).toBe(200);
  }
  for (const host of ['nas.local', 'nas.local:8443', 'models.lan:8189', 'evil.example:8189'])
    expect(await statusOf(client, { host }), host).toBe(403);
});
