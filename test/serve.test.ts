import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { UserError } from '../src/errors.ts';
import { readWithin } from '../src/serve/files.ts';
import { pagePolicy } from '../src/serve/page.ts';
import { type Server, type Site, startServer } from '../src/serve/server.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { waitFor } from './support/tiny-run.ts';

/** What a server says to one request, sent as it stands: no client of its own tidies it up. */
async function ask(
  { port }: Server,
  path: string,
  { method = 'GET', host = `127.0.0.1:${port}` }: { method?: string; host?: string } = {},
) {
  const asked = request({ port, host: '127.0.0.1', path, method, headers: { host }, agent: false }).end();
  const [response] = await new Promise<[import('node:http').IncomingMessage]>((resolve, reject) => {
    asked.once('response', (response) => resolve([response])).once('error', reject);
  });
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

async function serve(answer: Site['answer'], failed: Site['failed'] = assert.ifError): Promise<Server> {
  const server = await startServer({ port: 0, answer, failed });
  after(() => server.close());
  return server;
}

test('a server answers to its own names alone, to reading alone, and lets nothing run that it did not allow', async () => {
  const paths: string[] = [];
  const server = await serve(async (path) => {
    paths.push(path);
    if (path === '/wrong') throw new UserError('runs/x is no run folder');
    return path === '/data' ? { type: 'application/json', body: '[1]' } : undefined;
  });
  assert.equal(server.url, `http://127.0.0.1:${server.port}/`);
  const { status, headers, body } = await ask(server, '/data');
  assert.deepEqual([status, headers['content-type'], body], [200, 'application/json', '[1]']);
  assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['cross-origin-resource-policy'], 'same-origin');

  // Forwarded through ssh, another port stands in it.
  for (const host of ['localhost', 'localhost:9000', '127.0.0.1', '[::1]:80']) {
    assert.equal((await ask(server, '/data', { host })).status, 200, host);
  }
  const heard = paths.length;
  for (const host of [
    'evil.example',
    `evil.example:${server.port}`,
    'localhost.evil.example',
    '127.0.0.1.x',
  ]) {
    assert.equal((await ask(server, '/data', { host })).status, 403, host);
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    assert.equal((await ask(server, '/data', { method })).status, 405, method);
  }
  assert.equal((await ask(server, '/%')).status, 400);
  assert.equal(paths.length, heard, 'nothing of that reaches the site');

  assert.equal((await ask(server, '//evil.example/..%2fdata')).status, 404);
  assert.equal(paths.at(-1), '//evil.example/../data', 'a path comes as it was written');
  const wrong = await ask(server, '/wrong');
  assert.deepEqual([wrong.status, wrong.body], [404, 'runs/x is no run folder\n']);
  const head = await ask(server, '/data', { method: 'HEAD' });
  assert.deepEqual([head.status, head.body], [200, '']);
});

test('a bug is told to the terminal and goes on serving; a port in use is one sentence', async () => {
  const told: unknown[] = [];
  const bug = new Error('a bug');
  const server = await serve(
    async (path) => {
      if (path === '/bug') throw bug;
      return { type: 'text/plain', body: 'well' };
    },
    (error) => told.push(error),
  );
  const { status, body } = await ask(server, '/bug');
  assert.deepEqual([status, body], [500, 'an error of the server; its terminal has more\n']);
  assert.deepEqual(told, [bug]);
  assert.equal((await ask(server, '/')).body, 'well');
  await assert.rejects(
    startServer({ port: server.port, answer: async () => undefined, failed: assert.ifError }),
    new UserError(`port ${server.port} is in use; choose another --port, or 0 for any free one`),
  );
});

test('events reach their reader one by one, and end with the server or the reader', async () => {
  const ends: string[] = [];
  const server = await serve(async (path) => ({
    stream: async (events) => {
      events.gone.addEventListener('abort', () => ends.push(path));
      await events.send('news', { text: 'a\nb' });
      await events.send('news', 2);
    },
  }));
  const socket = connect(server.port, '127.0.0.1');
  socket.write('GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let received = '';
  socket.setEncoding('utf8');
  for await (const part of socket) {
    received += part;
    if (received.includes('data: 2\n\n')) break;
  }
  assert.match(received, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(received, /\r\nContent-Type: text\/event-stream\r\n/);
  assert.ok(received.includes('event: news\ndata: {"text":"a\\nb"}\n\n'), received);

  const second = connect(server.port, '127.0.0.1');
  second.write('GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await new Promise((resolve) => second.once('data', resolve));
  second.on('error', () => {});
  await server.close();
  await waitFor('the end of both', () => ends.length === 2);
  assert.deepEqual(ends, ['/first', '/second']);
});

test('a page runs its own scripts and styles by their hashes, and no other', () => {
  const policy = pagePolicy(
    '<style>a{}</style><script type="module">alert(1)\n</script><script>2</script><style></style>',
  );
  // printf 'alert(1)\n' | openssl dgst -sha256 -binary | base64, and so on.
  assert.ok(
    policy.includes(
      "script-src 'sha256-MaeD7tQk/YNyd6Pm9J12ROmv0Z93QwNN4VH7v3gI+RI=' 'sha256-1HNeOiZeFu7gP1lxi5tdAwGcB9i2xR+Q2jpmbuwTqzU=';",
    ),
    policy,
  );
  assert.match(policy, /^default-src 'none'; /);
  assert.doesNotMatch(policy, /unsafe|\*|http/);
});

test('a file is read within its folder alone', { skip: process.platform === 'win32' && 'links' }, () => {
  const folder = temporaryFolder('serve');
  const site = join(folder, 'site');
  mkdirSync(join(site, 'sub'), { recursive: true });
  writeFileSync(join(folder, 'secret'), 'secret');
  writeFileSync(join(site, 'sub', 'a'), 'open');
  writeFileSync(join(site, '..a'), 'dots');
  symlinkSync('../../secret', join(site, 'sub', 'out'));
  symlinkSync('a', join(site, 'sub', 'in'));
  symlinkSync('..', join(site, 'up'));
  symlinkSync('loop', join(site, 'loop'));
  const read = (path: string) => readWithin(site, path, 100)?.toString();
  assert.equal(read('sub/a'), 'open');
  assert.equal(read('sub/../sub/in'), 'open');
  assert.equal(read('..a'), 'dots');
  const refused = [
    ...['../secret', 'sub/out', 'up/secret', '/etc/passwd', `${folder}/secret`, 'sub/../../secret'],
    ...['missing', 'sub/a/b', 'loop', '..', '.', '', 'a\0b', 'x'.repeat(5000)],
  ];
  for (const path of refused) assert.equal(read(path), undefined, path);
  assert.throws(() => readWithin(site, 'sub', 100), UserError);
  assert.throws(() => readWithin(site, 'sub/a', 3), /4 bytes are more than such a file has/);
});
