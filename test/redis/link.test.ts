import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { createLog } from '../../src/runtime/log.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, leftOut, noRedis, type RedisServer, startCluster, startRedis, startSentinels } from '../helpers/redis.ts';

/** Long enough for any machine; what is to be late here never answers. */
const deadlineMs = patience(10_000);
const pauses = { first: 50, most: 200 };

/** A link that has said whether its server is there. */
async function linkTo(address: string, { isUp = true }: { isUp?: boolean } = {}) {
  const servers = parseRedis(address);
  if (!servers) throw new Error('no address');
  const out = new PassThrough();
  let said = '';
  out.on('data', (line) => {
    said += line;
  });
  const link = new RedisLink({ servers, log: createLog({ level: 'info', form: 'json' }, out), purpose: 'tests', pauses });
  onTestFinished(() => link[Symbol.asyncDispose]());
  await expect.poll(() => link.state.state, eventually()).toBe(isUp ? 'up' : 'away');
  return {
    link,
    said: () => said,
    set: (key: string, value: string) => link.ask((redis) => redis.set(key, Buffer.from(value), { PX: 60_000 }), deadlineMs),
    get: (key: string) => link.ask((redis) => redis.get(key), deadlineMs).then(String),
  };
}

/** A server that says this to whatever it hears. */
async function liar(
  words: (heard: string, socket: Socket) => string | Buffer | null,
): Promise<{ url: string; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (heard) => {
      const answer = words(heard.toString(), socket);
      if (answer !== null) socket.write(answer);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as { port: number };
  return { url: `redis://127.0.0.1:${port}`, server };
}

describe.skipIf(noRedis !== null)(`a link to a Redis${leftOut}`, () => {
  test('of a user with some keys only asks for these, and says why it gets no others', async () => {
    const server = await startRedis();
    await server.cli('acl', 'setuser', 'some', 'on', '>secret', '~some:*', '+@all');
    const { link, set, get } = await linkTo(server.url.replace('//', '//some:secret@'));
    await set('some:key', 'value');
    expect(await get('some:key')).toBe('value');
    await expect(get('other')).rejects.toThrow('it refuses: NOPERM');
    expect(link.state.state).toBe('up');
  });

  test('asks, and comes back by itself after its server was killed', async () => {
    const server = await startRedis();
    const { link, set, get, said } = await linkTo(server.url);
    await set('a', 'one');
    expect(await get('a')).toBe('one');
    await server.kill();
    await expect.poll(() => link.state, eventually()).toMatchObject({ state: 'away' });
    await expect(get('a')).rejects.toThrow(/no connection/);
    await server.start();
    await expect.poll(() => link.state.state, eventually()).toBe('up');
    expect(await get('a')).toBe('null');
    expect(said().match(/is left out until it answers/g)).toHaveLength(1);
    expect(said()).toContain('answers again');
  });

  test('does not wait for a server that hangs, leaves it alone after three questions, and comes back by itself', async () => {
    const server = await startRedis();
    const { link, set } = await linkTo(server.url);
    server.hang();
    const ask = () => link.ask((redis) => redis.get('a'), 20);
    for (let index = 0; index < 3; index += 1) await expect(ask()).rejects.toThrow('no answer in time');
    expect(link.state).toEqual({ state: 'away', why: 'no answer in time' });
    const question = vi.fn();
    await expect(link.ask(question, deadlineMs)).rejects.toThrow('no answer in time');
    expect(question).not.toHaveBeenCalled();
    server.goOn();
    await expect.poll(() => link.state.state, eventually()).toBe('up');
    await set('a', 'again');
  });

  test('a password that is wrong is said, and not shown', async () => {
    const server = await startRedis(['--requirepass', 'right']);
    const good = await linkTo(`redis://:right@127.0.0.1:${server.port}`);
    await good.set('a', 'one');
    const { link, said } = await linkTo(`redis://someone:hunter2@127.0.0.1:${server.port}`, { isUp: false });
    expect(link.state.why).toBe('it refuses: WRONGPASS');
    expect(said()).toContain('WRONGPASS');
    expect(said()).not.toContain('hunter2');
  });

  test('a server that refuses is there', async () => {
    const server = await startRedis(['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
    const { link, set, get } = await linkTo(server.url);
    await expect(set('a', 'one')).rejects.toThrow('it refuses: OOM');
    for (let index = 0; index < 5; index += 1) await set('a', 'one').catch(() => {});
    expect(await get('a')).toBe('null');
    expect(link.state.state).toBe('up');
  });
});

describe.skipIf(noRedis !== null)(`a link to several${leftOut}`, () => {
  const survives = async (address: string, servers: readonly RedisServer[], master: () => Promise<RedisServer>) => {
    const { link, set, get } = await linkTo(address);
    const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`);
    for (const key of keys) await set(key, key);
    const dying = await master();
    await dying.kill();
    const others = servers.filter((server) => server !== dying);
    // The fault has fired: another one is in its place.
    const masters = async () => (await Promise.all(others.map((server) => server.cli('role')))).join();
    const before = await masters();
    await expect.poll(masters, eventually()).not.toBe(before);
    for (const key of keys)
      await expect
        .poll(
          () =>
            set(key, 'after')
              .then(() => get(key))
              .catch(String),
          eventually(),
        )
        .toBe('after');
    expect(link.state.state).toBe('up');
  };

  test('a cluster of six goes on when a master is killed', { tags: 'slow', timeout: 240_000 }, async () => {
    const servers = await startCluster();
    const address = servers.map(({ url }) => url).join();
    const isMaster = async (server: RedisServer) => (await server.cli('role')).startsWith('master');
    await survives(address, servers, async () => {
      for (const server of servers) if (await isMaster(server)) return server;
      throw new Error('no master');
    });
  });

  test('the server that three sentinels watch goes on when it is killed', { tags: 'slow', timeout: 240_000 }, async () => {
    const { sentinels, servers } = await startSentinels();
    const address = `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join()}/results`;
    await survives(address, servers, async () => servers[0] as RedisServer);
  });
});

describe('a server that lies', () => {
  test.each<[string, () => string | Buffer | null]>([
    ['says nothing', () => null],
    ['speaks HTTP', () => 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'],
    ['sends bytes at random', () => Buffer.from([0, 255, 13, 10, 7, 42, 36, 43])],
    ['promises more bytes than it sends', () => '$1000\r\nshort\r\n'],
    ['promises bytes without end', () => '$99999999999999999999\r\n'],
    ['nests without end', () => '*1\r\n'.repeat(100_000)],
  ])('that %s is away, and harms nothing', async (_name, words) => {
    const { url } = await liar(words);
    const { link } = await linkTo(url, { isUp: false });
    expect(link.state).toMatchObject({ state: 'away', why: expect.any(String) });
  });

  test('that repeats the password in its error has it shown nowhere', async () => {
    let heard = '';
    const { url } = await liar((words) => {
      heard += words;
      return `-ERR unknown command, with args beginning with: ${words.replaceAll('\r\n', ' ')}\r\n`.repeat(
        words.split('*').length - 1,
      );
    });
    const { link, said } = await linkTo(url.replace('://', '://user:hunter2@'), { isUp: false });
    expect(heard).toContain('hunter2');
    expect(link.state.why).toBe('it refuses: ERR');
    expect(said()).not.toContain('hunter2');
    const refused = link.ask((redis) => redis.get('a'), deadlineMs);
    await expect(refused).rejects.toSatisfy(
      (error: Error) => !JSON.stringify([error.message, error.stack, error.cause]).includes('hunter2'),
    );
  });

  test('that closes every connection is tried again and again, with pauses', async () => {
    let connections = 0;
    const { server, url } = await liar(() => null);
    server.on('connection', (socket) => {
      connections += 1;
      socket.destroy();
    });
    const { link } = await linkTo(url, { isUp: false });
    await expect.poll(() => connections, eventually()).toBeGreaterThan(3);
    expect(link.state.state).toBe('away');
  });
});
