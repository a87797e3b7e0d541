// Stands in for the program that `start --detach` starts: `daemon-program.mjs [--fail] start --set KEY=VALUE ...`. It answers
// the few routes that starting and stopping need, tells its options as settings, and ends when it is asked to.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const args = process.argv.slice(2);
console.log('a line of the log');
if (args.includes('--fail')) {
  console.error('the cache directory is on a floppy disk');
  process.exit(1);
}

const flags = args.filter((_, index) => args[index - 1] === '--set').map((word) => word.split('='));
const stateDir = Object.fromEntries(flags).AUTOCACHE_STATE;
const settings = flags.map(([key, value]) => ({ key, value, from: 'flag', meaning: '', live: false }));
settings.push({ key: 'AUTOCACHE_JOBS', value: process.cwd(), from: join(process.cwd(), '.env'), meaning: '', live: false });
// A setting of the user's own file, and one that was changed while running.
if (flags.some(([key]) => key === 'AUTOCACHE_POLICY')) {
  settings.unshift({
    key: 'AUTOCACHE_RATE',
    value: '1MiB',
    from: '/home/ada/.config/autocached/config.env',
    meaning: '',
    live: true,
  });
  const changed = settings.find(({ key }) => key === 'AUTOCACHE_POLICY');
  Object.assign(changed, { value: 'lfu', from: 'live', configured: { value: changed.value, from: 'flag' } });
}

const stats = { dir: '/ssd/cache', mode: 'read-write', roots: [], tiers: [{ tier: 'ssd', bytes: 0, limit: 1024 }] };
const answers = {
  'GET /healthz': {},
  'GET /api/cache/stats': stats,
  'GET /api/cache/config': { settings, notices: ['a notice'] },
  'POST /api/shutdown': { stopping: true },
};

const token = createHash('sha256').update(stateDir).digest('hex');
const mac = (key, ...words) => createHmac('sha256', key).update(words.join('\n')).digest();
const sessions = new WeakMap();

const server = createServer((request, response) => {
  const key = `${request.method} ${request.url}`;
  response.setHeader('content-type', 'application/json');
  if (key.startsWith('GET /api/proof?nonce=')) {
    const nonce = randomBytes(32).toString('hex');
    const words = [request.headers.host, key.slice('GET /api/proof?nonce='.length), nonce];
    sessions.set(request.socket, { key: mac(token, 'session', ...words), number: 0 });
    return response.end(JSON.stringify({ nonce, proof: mac(token, 'daemon', ...words).toString('hex') }));
  }
  const session = sessions.get(request.socket);
  session.number += 1;
  const body = JSON.stringify(answers[key]);
  const proof = mac(session.key, 'answer', String(session.number), '200', 'whole', body).toString('hex');
  response.setHeader('autocached-proof', proof);
  response.end(body, () => {
    if (key !== 'POST /api/shutdown') return;
    server.close();
    server.closeAllConnections();
  });
});

server.listen(0, '127.0.0.1', () => {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  writeFileSync(join(stateDir, 'token'), token, { mode: 0o600 });
  const url = `http://127.0.0.1:${server.address().port}`;
  const file = { url, pid: process.pid, version: '0.1.0', tokenFile: join(stateDir, 'token') };
  writeFileSync(join(stateDir, 'daemon.json'), JSON.stringify(file), { mode: 0o600 });
});
