import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Client } from '../../src/cli/client.ts';
import { refuse, startFakeDaemon } from './fake-daemon.ts';
import { hit, stats } from './samples.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('finding the daemon', () => {
  test.each([
    ['half a file', '{"url":'],
    ['another program', '{"port":80}'],
    ['a broken address', '{"url":"nowhere","pid":1,"tokenFile":"token"}'],
  ])('%s in daemon.json is said, with the path', async (_what, content) => {
    await using daemon = await startFakeDaemon();
    const path = join(daemon.stateDir, 'daemon.json');
    await writeFile(path, content);
    await expect(Client.find(daemon.stateDir)).rejects.toMatchObject({
      code: 'NOT_RUNNING',
      message: `${path} does not say where the daemon is`,
    });
  });

  test('a token that is not ours to read is said to be that', async () => {
    await using daemon = await startFakeDaemon();
    await daemon.writeDaemonFile({ tokenFile: join(daemon.stateDir, 'elsewhere') });
    await expect(Client.find(daemon.stateDir)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      hint: 'run this command as the user that started the daemon',
    });
  });

  test('a token file may be named relative to the state directory', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/cache/stats': () => stats });
    await daemon.writeDaemonFile({ tokenFile: 'token' });
    expect(await (await Client.find(daemon.stateDir)).stats()).toEqual(stats);
  });
});

describe('a daemon in trouble', () => {
  test('that hangs is given up after a while, and its process is named', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let wasAsked = () => {};
    const asked = new Promise<void>((resolve) => {
      wasAsked = resolve;
    });
    await using daemon = await startFakeDaemon({ 'GET /api/cache/stats': () => wasAsked() });
    const answer = (await Client.find(daemon.stateDir)).stats();
    const outcome = expect(answer).rejects.toMatchObject({
      code: 'NOT_RUNNING',
      message: `the daemon at ${daemon.url} does not answer`,
      hint: expect.stringContaining('4711'),
    });
    await asked;
    vi.advanceTimersByTime(30_000);
    await outcome;
  });

  test('is waited for as long as the lookup waits for its copy, and a little longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let wasAsked = (_answer: () => void) => {};
    const asked = new Promise<() => void>((resolve) => {
      wasAsked = resolve;
    });
    await using daemon = await startFakeDaemon({
      'POST /api/lookup': (_asked, response) => wasAsked(() => response.end(JSON.stringify(hit))),
    });
    const client = await Client.find(daemon.stateDir);
    const answer = client.lookup({ path: '/a', purpose: 'load', waitMs: 600_000, client: null });
    const send = await asked;
    vi.advanceTimersByTime(620_000);
    send();
    expect(await answer).toEqual(hit);
  });

  test('that breaks off in the middle of an answer is no crash of ours', async () => {
    await using daemon = await startFakeDaemon({
      'GET /api/cache/stats': (_asked, response) => {
        response.writeHead(200, { 'content-length': 1000 });
        response.write('{"version":', () => response.destroy());
      },
    });
    const client = await Client.find(daemon.stateDir);
    await expect(client.stats()).rejects.toMatchObject({ code: 'NOT_RUNNING', message: expect.stringContaining('broke off') });
  });

  test.each([
    [200, '<html>a printer</html>'],
    [502, ''],
  ])('an answer %s "%s" of another program at its address is not shown as data', async (status, text) => {
    await using daemon = await startFakeDaemon({
      'GET /api/cache/stats': (_asked, response) => void response.writeHead(status).end(text),
    });
    const client = await Client.find(daemon.stateDir);
    await expect(client.stats()).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  test('that refuses the event stream says why', async () => {
    await using daemon = await startFakeDaemon();
    daemon.routes['GET /api/events'] = (_asked, response) =>
      refuse(response, 409, { code: 'CONFLICT', message: '64 event streams are open already' });
    const client = await Client.find(daemon.stateDir);
    await expect(client.events(new AbortController().signal)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('whose token is another one is a stranger, and is told nothing', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/cache/stats': () => stats });
    await writeFile(join(daemon.stateDir, 'token'), 'e'.repeat(64));
    const client = await Client.find(daemon.stateDir);
    await expect(client.stats()).rejects.toMatchObject({
      code: 'NOT_RUNNING',
      message: expect.stringContaining('not the daemon'),
    });
    expect(daemon.asked).toEqual([]);
  });
});

test('words with any characters reach the daemon as they are', async () => {
  await using daemon = await startFakeDaemon({ 'GET /api/cache/explain': () => ({}) });
  const path = 'D:\\models\\a & b #1 ä?=画.safetensors';
  await (await Client.find(daemon.stateDir)).explain(path);
  expect(daemon.asked[0]?.query).toEqual({ path });
});
