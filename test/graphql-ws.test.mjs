// The reference client of the WebSocket protocol, npm's graphql-ws, through lost sockets and a server that crashes.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { startServer, withResolvers } from './server.mjs';

const total = 200;
const posters = 4;
const retryPause = 20; // milliseconds

const addChatEntry = `
  mutation ($connectionId: ID!, $body: String!, $key: ID) {
    addChatEntry(connectionId: $connectionId, body: $body, idempotencyKey: $key) { seq cursor body }
  }`;
const entryAdded = 'subscription ($after: String) { entryAdded(after: $after) { seq cursor body } }';

/** Reads the log from its beginning. The client reconnects by itself, and resumes at the last cursor received. */
class Reader {
  entries = [];
  sockets = 0;
  #socket;
  #stop;
  #failed = withResolvers();
  #arrived = () => {};

  constructor(server) {
    this.#failed.promise.catch(() => {}); // until reports it
    const client = createClient({
      url: server.socketEndpoint,
      webSocketImpl: WebSocket,
      retryAttempts: Infinity,
      retryWait: () => delay(retryPause),
      shouldRetry: () => true,
      on: {
        connected: (socket) => {
          this.sockets += 1;
          this.#socket = socket;
        },
      },
    });
    const { entries } = this;
    const variables = {
      // The client reads this again for each socket.
      get after() {
        return entries.at(-1)?.cursor ?? '0';
      },
    };
    this.#stop = client.subscribe(
      { query: entryAdded, variables },
      {
        next: ({ data, errors }) => {
          if (errors) return this.#failed.reject(new Error(JSON.stringify(errors)));
          this.entries.push(data.entryAdded);
          this.#arrived();
        },
        error: (cause) => this.#failed.reject(cause instanceof Error ? cause : new Error(JSON.stringify(cause))),
        complete: () => this.#failed.reject(new Error('the stream was completed')),
      },
    );
  }

  /** Waits for this many entries; fails at once if the subscription does. */
  async until(count) {
    while (this.entries.length < count) {
      const arrival = new Promise((resolve) => (this.#arrived = resolve));
      await Promise.race([arrival, this.#failed.promise]);
    }
  }

  /** Drops the socket without a close frame, as a network failure does. */
  drop() {
    this.#socket.terminate();
  }

  /** Ends the subscription. The client closes its socket when no subscription is left. */
  end() {
    this.#stop();
  }
}

/** Checks a reader's result: numbers 1…n once each, in order, with the body that the server confirmed for each. */
function assertWhole(reader, answered) {
  assert.deepEqual(
    reader.entries.map(({ seq }) => seq),
    Array.from({ length: total }, (_, index) => index + 1),
  );
  const bySeq = [...answered].sort((a, b) => a.seq - b.seq);
  assert.deepEqual(reader.entries, bySeq);
}

test('graphql-ws: add, subscribe, lose the socket, resume: 0 lost, 0 doubled', async (t) => {
  const server = await startServer(t);
  const reader = new Reader(server);
  atEnd(t, () => reader.end());
  const poster = createClient({ url: server.socketEndpoint, webSocketImpl: WebSocket, lazy: false });

  const answered = [];
  const post = async (name) => {
    for (let n = 0; n < total / posters; n++) {
      const variables = { connectionId: name, body: `${name} ${n}` };
      for await (const { data, errors } of poster.iterate({ query: addChatEntry, variables })) {
        assert.equal(errors, undefined);
        answered.push(data.addChatEntry);
      }
    }
  };
  const posting = Promise.all(Array.from({ length: posters }, (_, index) => post(`poster-${index}`)));

  for (let count = 10; count < total; count += 10) {
    await reader.until(count);
    reader.drop();
  }
  await posting;
  await poster.dispose();
  await reader.until(total);
  assertWhole(reader, answered);
  t.diagnostic(`${total} entries over ${reader.sockets} sockets`);
  assert.ok(reader.sockets > 1, 'no socket was lost: the test tested nothing');
});

test('graphql-ws: resume over a server that is killed and comes back: 0 lost, 0 doubled', async (t) => {
  const server = await startServer(t);
  const reader = new Reader(server);
  atEnd(t, () => reader.end());

  const answered = [];
  const post = async (name) => {
    for (let n = 0; n < total / posters; n++) {
      const variables = { connectionId: name, body: `${name} ${n}`, key: randomUUID() };
      for (;;) {
        const entry = await server.run(addChatEntry, variables).catch(retryable);
        if (entry) {
          answered.push(entry.addChatEntry);
          break;
        }
        await delay(retryPause); // retried with the same key until it is answered
      }
    }
  };
  const posting = Promise.all(Array.from({ length: posters }, (_, index) => post(`poster-${index}`)));

  for (const count of [40, 80, 120, 160]) {
    await reader.until(count);
    await server.kill();
    await server.start();
  }
  await posting;
  await reader.until(total);
  assertWhole(reader, answered);
  t.diagnostic(`${total} entries over ${reader.sockets} sockets and 4 crashes`);
});

/** Ignores errors that a crash explains, a refused or cut connection; rethrows all others. */
function retryable(cause) {
  if (cause instanceof TypeError || cause instanceof SyntaxError) return undefined;
  throw cause;
}
