// Runs the real binary on a free port of loopback, with a database of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const binary = resolve(process.env.CHATTOK_BINARY ?? join(here, '../chattok'));

/** How long to wait for a start or a stop, in milliseconds. No test measures speed. */
const patience = 120_000;

/** Starts a server, of another program where one is named. It is ended, and its database removed, after the test or suite t. */
export async function startServer(t, environment = {}, program = binary) {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-test-'));
  const server = new Server(folder, environment, program);
  atEnd(t, async () => {
    await server.kill();
    await rm(folder, { recursive: true, force: true });
  });
  await server.start();
  return server;
}

class Server {
  /** The server's origin, such as http://127.0.0.1:1234; a restart keeps it. */
  origin;
  #folder;
  #environment;
  #program;
  #process;
  #output = '';

  constructor(folder, environment, program) {
    this.#folder = folder;
    this.#environment = environment;
    this.#program = program;
  }

  /** The output of the process since it was started. */
  get output() {
    return this.#output;
  }

  /** The id of the process. */
  get pid() {
    return this.#process.pid;
  }

  /** The GraphQL endpoint over HTTP. */
  get endpoint() {
    return `${this.origin}/graphql`;
  }

  /** The GraphQL endpoint over WebSocket. */
  get socketEndpoint() {
    return this.endpoint.replace('http', 'ws');
  }

  /** Starts the process, on its previous port if it had one, and waits until it is ready. */
  async start() {
    this.#output = '';
    const address = this.origin ? new URL(this.origin).host : '127.0.0.1:0';
    this.#process = spawn(this.#program, {
      cwd: this.#folder,
      env: {
        PATH: process.env.PATH,
        CHATTOK_ADDR: address,
        CHATTOK_DATABASE: join(this.#folder, 'chattok.db'),
        ...this.#environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const failed = once(this.#process, 'error').then(([error]) => {
      throw new Error(`${this.#program}: ${error.message}; build it with \`go build\` or name another in CHATTOK_BINARY`);
    });
    const exited = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`the server ended (${signal ?? code}) before it was ready:\n${this.#output}`);
    });
    const late = new AbortController();
    const timeout = delay(patience, undefined, { signal: late.signal }).then(() => {
      throw new Error(`the server was not ready after ${patience} ms:\n${this.#output}`);
    });
    for (const promise of [failed, exited, timeout]) promise.catch(() => {}); // they may reject after the race
    try {
      await Promise.race([this.#ready(), failed, exited, timeout]);
    } finally {
      late.abort();
    }
  }

  /** Kills the process, as a crash would. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Asks the process to end, and returns its exit code. */
  async stop() {
    await this.#end('SIGTERM');
    return this.#process.exitCode;
  }

  /** Runs one operation over HTTP and returns its data. Throws where the answer has errors, or there is none. */
  async run(query, variables = {}, headers = {}) {
    const response = await fetch(this.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  async #ready() {
    const { promise, resolve: found } = withResolvers();
    const read = (chunk) => {
      this.#output += chunk;
      const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(this.#output);
      if (origin) found(origin[0]);
    };
    this.#process.stdout.setEncoding('utf8').on('data', read);
    this.#process.stderr.setEncoding('utf8').on('data', read);
    this.origin = await promise;
    const { pid } = this.#process;
    while (this.#process.pid === pid && this.#process.exitCode === null && this.#process.signalCode === null) {
      const response = await fetch(`${this.origin}/readyz`).catch(() => undefined);
      if (response?.ok) return;
      await delay(20);
    }
  }

  async #end(signal) {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null || this.#process.pid === undefined) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill(signal);
    const late = delay(patience, 'late', { ref: false });
    if ((await Promise.race([exit, late])) === 'late') {
      this.#process.kill('SIGKILL');
      throw new Error(`the server did not end within ${patience} ms of ${signal}:\n${this.#output}`);
    }
  }
}

/** Does what Promise.withResolvers does, which Node 20 lacks. */
export function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
