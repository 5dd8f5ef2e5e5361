// Runs the README's recipes word for word; only the server's address and the command that starts it are replaced.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';
import { startServer } from './server.mjs';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const binary = resolve(process.env.CHATTOK_BINARY ?? join(here, '../chattok'));
const patience = 120_000; // milliseconds; no test measures speed

/** Returns the code blocks of a page in a language that contain a text. */
async function recipes(page, language, holding = '') {
  const text = await readFile(new URL(`../${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, code]) => code).filter((code) => code.includes(holding));
}

const at = (server, code) => code.replaceAll('http://127.0.0.1:8080', server.origin);

/** Runs shell lines in a folder. */
const shell = (code, environment) => run('bash', ['-euo', 'pipefail', '-c', code], { env: { ...process.env, ...environment }, cwd: here });

test('README: the tutorial and the shell', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-readme-'));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  const database = join(folder, 'chattok.db');
  const server = await startServer(t, { CHATTOK_DATABASE: database });

  await t.test('the three operations', async () => {
    const [subscribe, post, fetchLatest] = await recipes('README.md', 'graphql');
    assert.match(subscribe, /^subscription/);
    assert.equal((await server.run(post)).addChatEntry.seq, 1);
    assert.equal((await server.run(fetchLatest)).latestChatEntry.body, 'hi');
    const stream = await fetch(server.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: subscribe }),
    });
    const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
    await server.run(post);
    let text = '';
    while (!text.includes('\n\n') || !text.includes('data:')) text += (await reader.read()).value;
    await reader.cancel();
    assert.match(text, /"entryAdded":\{"seq":2,"connectionId":"alice","body":"hi"/);
  });

  await t.test('the same from a shell', async () => {
    const [lines] = await recipes('README.md', 'sh', 'curl -N');
    const follow = at(server, lines).split('\n\n')[0];
    const following = spawn('bash', ['-c', `exec ${follow}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    const heard = new Promise((found, failed) => {
      let text = '';
      following.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk).includes('"body":"hi"') && found(text));
      setTimeout(() => failed(new Error(`heard ${text}`)), patience).unref();
    });
    await new Promise((begun) => following.stdout.once('data', begun)); // the first bytes: the subscription has begun
    const { stdout } = await shell(at(server, lines).split('\n\n').slice(1).join('\n\n'));
    assert.match(stdout, /"addChatEntry":\{"seq":3/);
    assert.match(stdout, /"latestChatEntry":\{"seq":3,"body":"hi"\}/);
    await heard;
    following.kill();
  });

  await t.test('a session of one\'s own: each run of it is another entry', async () => {
    const [lines] = await recipes('README.md', 'sh', 'JOINED=');
    for (const seq of [1, 2]) assert.match((await shell(at(server, lines))).stdout, new RegExp(`"addChatEntry":\\{"seq":${seq},`));
  });

  await t.test('an entry of a bot', async () => {
    const [lines] = await recipes('README.md', 'sh', 'Weather');
    const { stdout } = await shell(at(server, lines).replaceAll('go run .', binary), { CHATTOK_DATABASE: database });
    assert.deepEqual(JSON.parse(stdout).data.addChatEntry.connection, { data: 'Weather' });
  });

  await t.test('the secret, a session, and a token for it', async () => {
    const [lines] = await recipes('README.md', 'sh', 'standup');
    const { stdout } = await shell(at(server, lines).replaceAll('go run .', binary), { CHATTOK_DATABASE: database });
    assert.match(stdout, /"createSession":\{"id":"standup"\}/);
    const token = stdout.trim().split('\n').at(-1).replace(/^.*\}/, '');
    const { connect } = await server.run('mutation ($token: String) { connect(token: $token) { connection { role data } } }', { token });
    assert.deepEqual(connect.connection, { role: 'MODERATOR', data: 'Ann' });
  });
});

test("README: the loop for graphql-ws goes on through a restart, a connection that ended and a token that did", async (t) => {
  const secrets = ['a'.repeat(32), 'b'.repeat(32)];
  const environment = { CHATTOK_GRACE: '1s', CHATTOK_PING_INTERVAL: '1s', CHATTOK_API_SECRET: secrets[0] };
  const server = await startServer(t, environment);
  const loop = await startProgram(t, at(server, (await recipes('README.md', 'js', "from 'graphql-ws'"))[0]));

  const moderator = new Moderator(server);
  await moderator.join(secrets[0]);
  const expected = [];
  const post = async (body) => expected.push(`${await moderator.post(body)} ${body}`);
  await post('at first');
  await loop.heard(expected);

  await server.stop(); // closes the socket with 1012
  await server.start();
  await post('after a restart');
  await loop.heard(expected);

  loop.pause(); // away for longer than the grace time: closed with 4401
  await moderator.waitFor((bots) => bots.length === 0);
  loop.resume();
  await post('after its connection ended');
  await loop.heard(expected);

  environment.CHATTOK_API_SECRET = secrets[1]; // closed with 4403
  await server.stop();
  await server.start();
  await moderator.join(secrets[1]);
  await post('after its token ended');
  await loop.heard(expected);

  await moderator.kick();
  assert.equal(await loop.ended, 0); // ended by a moderator
});

/** Runs a module that can import the packages of this folder. */
async function startProgram(t, code) {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-recipe-'));
  await symlink(join(here, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'recipe.mjs'), code);
  await writeFile(join(folder, 'socket.mjs'), "import { WebSocket } from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n"); // for Node before 22
  const child = spawn(process.execPath, ['--import', './socket.mjs', 'recipe.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let changed = () => {};
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
    changed();
  });
  const ended = new Promise((done) => child.once('exit', done));
  atEnd(t, async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  return {
    ended,
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    /** Waits until the program has printed exactly these lines. */
    async heard(lines) {
      const want = lines.map((line) => `${line}\n`).join('');
      for (const end = Date.now() + patience; output !== want; ) {
        assert.ok(Date.now() < end && want.startsWith(output), `it printed ${JSON.stringify(output)}, not ${JSON.stringify(want)}`);
        await Promise.race([new Promise((done) => (changed = done)), new Promise((done) => setTimeout(done, 200))]);
      }
    },
  };
}

/** Connects a moderator to the recipe's session. */
class Moderator {
  #server;
  #me;

  constructor(server) {
    this.#server = server;
  }

  /** Joins once the session exists and has a connection. */
  async join(secret) {
    const mint = 'mutation { createToken(sessionId: "demo", role: MODERATOR) { token } }';
    const connect = 'mutation ($token: String) { connect(token: $token) { accessToken connection { id } } }';
    for (const end = Date.now() + patience; ; await new Promise((done) => setTimeout(done, 100))) {
      try {
        const { token } = (await this.#server.run(mint, {}, { authorization: `Bearer ${secret}` })).createToken;
        this.#me = (await this.#server.run(connect, { token })).connect;
        break;
      } catch (error) {
        if (Date.now() > end || !/NOT_FOUND/.test(error.message)) throw error;
      }
    }
    await this.waitFor((bots) => bots.length === 1);
  }

  /** Waits until the connections with the data "bot" meet a condition, and returns them. */
  async waitFor(right) {
    for (const end = Date.now() + patience; ; await new Promise((done) => setTimeout(done, 100))) {
      const { session } = await this.#run('{ session { connections { id data } } }');
      const bots = session.connections.filter(({ data }) => data === 'bot');
      if (right(bots)) return bots;
      assert.ok(Date.now() < end, JSON.stringify(session));
    }
  }

  async post(body) {
    const add = 'mutation ($id: ID!, $body: String!) { addChatEntry(connectionId: $id, body: $body) { seq } }';
    return (await this.#run(add, { id: this.#me.connection.id, body })).addChatEntry.seq;
  }

  async kick() {
    const [{ id }] = await this.waitFor((bots) => bots.length === 1);
    await this.#run('mutation ($id: ID!) { forceDisconnect(connectionId: $id) { id } }', { id });
  }

  #run(query, variables) {
    return this.#server.run(query, variables, { authorization: `Bearer ${this.#me.accessToken}` });
  }
}
