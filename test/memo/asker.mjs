/**
 * A program of its own that takes one key many times at once. It reads from the environment: URL, TOKEN, TAKES, and BEHAVIOUR: `compute`
 * (stores the result and says when), or `hang` (holds the lease until it is killed). It prints a line when it has the lease, and one with
 * all answers in the end.
 */
import { Agent, request } from 'node:http';

const { URL: url = '', TOKEN: token = '', TAKES: takes = '1', BEHAVIOUR: behaviour = 'compute', PID: pid = '' } = process.env;
const agent = new Agent({ keepAlive: true });

function post(path, body) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const asked = request(`${url}${path}`, { method: 'POST', headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(JSON.parse(text)));
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
}

const key = { ns: 'race', parts: ['dear', 1] };

async function take() {
  const answer = await post('/api/memo/take', { ...key, waitMs: 120_000, leaseMs: 120_000, ...(pid && { pid: process.pid }) });
  if (answer.state !== 'compute') return { state: answer.state, value: answer.value, at: Date.now() };
  process.stdout.write('computing\n');
  if (behaviour === 'hang') await new Promise(() => setInterval(() => {}, 1000));
  const stored = await post('/api/memo/put', { ...key, lease: answer.lease, value: process.pid });
  return { state: 'computed', stored: stored.stored, at: Date.now() };
}

const answers = await Promise.all(Array.from({ length: Number(takes) }, take));
process.stdout.write(`${JSON.stringify(answers)}\n`);
agent.destroy();
