import { describe, expect, test } from 'vitest';
import { WebGuard } from '../../../src/sources/drivers/http/web-guard.ts';

const far = new URL('https://models.example.com/a.safetensors');

function lookedUp(guard: WebGuard, name: string): Promise<unknown> {
  return new Promise((resolve, reject) =>
    guard.lookup(name, {}, (error, address) => (error ? reject(error) : resolve(address))),
  );
}

describe('a redirect of a remote of the world', () => {
  test.each([
    'https://127.0.0.1/a',
    'https://127.1/a',
    'https://2130706433/a',
    'https://0x7f000001/a',
    'https://[::1]/a',
    'https://[::ffff:127.0.0.1]/a',
    'https://localhost/a',
    'https://api.localhost/a',
    'https://10.1.2.3/a',
    'https://172.31.0.1/a',
    'https://192.168.1.1/a',
    'https://100.64.0.1/a',
    'https://169.254.169.254/latest/meta-data',
    'https://[fe80::1]/a',
    'https://[fd00::1]/a',
    'https://0.0.0.0/a',
    'https://224.0.0.1/a',
    'https://[64:ff9b::7f00:1]/a',
    'https://[2002:7f00:1::]/a',
  ])('does not lead to %s', async (address) => {
    await expect(new WebGuard(far, null).check(new URL(address), far)).rejects.toMatchObject({ kind: 'unfit' });
  });

  test('does not lead from https to http, to a file, nor by a name to this machine', async () => {
    const guard = new WebGuard(far, null);
    await expect(guard.check(new URL('http://cdn.example.com/a'), far)).rejects.toMatchObject({ kind: 'unfit' });
    await expect(guard.check(new URL('file:///etc/passwd'), far)).rejects.toMatchObject({ kind: 'unfit' });
    await expect(lookedUp(guard, 'localhost')).rejects.toMatchObject({ kind: 'unfit' });
  });

  test('leads to other places of the world', async () => {
    await expect(new WebGuard(far, null).check(new URL('https://cdn.example.org/a'), far)).resolves.toBeUndefined();
    await expect(new WebGuard(far, null).check(new URL('https://93.184.216.34/a'), far)).resolves.toBeUndefined();
  });
});

describe('a remote that is configured in a network of its own', () => {
  const near = new URL('http://192.168.1.5/a.safetensors');

  test('may redirect within networks of that kind, and nowhere else', async () => {
    const guard = new WebGuard(near, null);
    await expect(guard.check(new URL('http://192.168.1.6/a'), near)).resolves.toBeUndefined();
    await expect(guard.check(new URL('http://127.0.0.1/a'), near)).rejects.toMatchObject({ kind: 'unfit' });
    await expect(guard.check(new URL('http://169.254.169.254/a'), near)).rejects.toMatchObject({ kind: 'unfit' });
    await expect(guard.check(new URL('http://93.184.216.34/a'), near)).rejects.toMatchObject({ kind: 'unfit' });
  });

  test('one on a link-local address does not open the others', async () => {
    const local = new URL('http://169.254.1.1/a');
    const guard = new WebGuard(local, null);
    await expect(guard.check(local, null)).resolves.toBeUndefined();
    await expect(guard.check(new URL('http://169.254.169.254/a'), local)).rejects.toMatchObject({ kind: 'unfit' });
  });
});
