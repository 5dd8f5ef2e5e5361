// Subscriptions over HTTP as the public clients ask for them: npm's graphql-sse, Apollo Client's HttpLink by multipart,
// urql, and a browser's EventSource, each through lost connections. Readers always resume at the last cursor.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { Client as UrqlClient, fetchExchange } from '@urql/core';
import { createClient } from 'graphql-sse';
import { chromium } from 'playwright-core';
import { atEnd } from './at-end.mjs';
import { startServer, withResolvers } from './server.mjs';

const total = 200;
const posters = 4;
const retryPause = 20; // milliseconds

const addChatEntry = `
  mutation ($connectionId: ID!, $body: String!) {
    addChatEntry(connectionId: $connectionId, body: $body) { seq cursor body }
  }`;
const entryAdded = 'subscription ($after: String) { entryAdded(after: $after) { seq cursor body } }';

/** Starts a proxy that can drop its connections, as a network failure does. It ends with the test t. */
async function startProxy(t, server) {
  const sockets = new Set();
  const proxy = net.createServer((near) => {
    const { hostname, port } = new URL(server.origin);
    const far = net.connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from);
      from.on('error', () => {}); // it is already destroyed
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  atEnd(t, () => {
    proxy.close();
    cut();
  });
  return { endpoint: `http://127.0.0.1:${proxy.address().port}/graphql`, cut };
}

/**
 * The clients. `run` returns an operation's data; `follow` subscribes, and returns a function that ends the subscription.
 * cursor() gives the starting point, next takes an entry, and lost takes the cause of an end, for clients that leave
 * reconnecting to their user.
 */
const clients = {
  'graphql-sse': (url) => {
    const client = createClient({
      url,
      fetchFn: watched,
      retryAttempts: Infinity,
      retry: () => delay(retryPause),
    });
    return {
      run: async (query, variables) => {
        const { value } = await client.iterate({ query, variables }).next();
        assert.equal(value.errors, undefined);
        return value.data;
      },
      follow: (cursor, next, lost) => {
        const variables = {
          // The client reads this again for each connection.
          get after() {
            return cursor();
          },
        };
        return client.subscribe(
          { query: entryAdded, variables },
          {
            next: ({ data, errors }) => (errors ? lost(errors, 'final') : next(data.entryAdded)),
            error: (cause) => lost(cause, 'final'),
            complete: () => lost('complete', 'final'),
          },
        );
      },
    };
  },
  'Apollo Client': (uri) => {
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new HttpLink({ uri, fetch: watched }),
      defaultOptions: { query: { fetchPolicy: 'no-cache' } },
    });
    return {
      run: async (query, variables) => {
        const document = gql(query);
        const [{ operation }] = document.definitions;
        const { data } =
          operation === 'mutation'
            ? await client.mutate({ mutation: document, variables, fetchPolicy: 'no-cache' })
            : await client.query({ query: document, variables });
        return data;
      },
      follow: (cursor, next, lost) => {
        const variables = { after: cursor() };
        const subscription = client.subscribe({ query: gql(entryAdded), variables, fetchPolicy: 'no-cache' }).subscribe({
          next: ({ data, error }) => (error ? lost(error) : next(data.entryAdded)),
          error: lost,
          complete: () => lost('complete'),
        });
        return () => subscription.unsubscribe();
      },
    };
  },
  urql: (url) => {
    const client = new UrqlClient({
      url,
      fetch: watched,
      exchanges: [fetchExchange],
      fetchSubscriptions: true,
      preferGetMethod: false,
      requestPolicy: 'network-only',
    });
    return {
      run: async (query, variables) => {
        const operation = query.trimStart().startsWith('mutation') ? client.mutation(query, variables) : client.query(query, variables);
        const { data, error } = await operation.toPromise();
        if (error) throw error;
        return data;
      },
      follow: (cursor, next, lost) => {
        const subscription = client
          .subscription(entryAdded, { after: cursor() })
          .subscribe(({ data, error }) => (error ? lost(error) : next(data.entryAdded)));
        return () => subscription.unsubscribe();
      },
    };
  },
};

/** The media types expected for subscriptions and for other operations. */
const types = {
  'graphql-sse': ['text/event-stream; charset=utf-8', 'text/event-stream; charset=utf-8'],
  'Apollo Client': ['multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"', 'application/graphql-response+json; charset=utf-8'],
  urql: ['text/event-stream; charset=utf-8', 'application/graphql-response+json; charset=utf-8'],
};

/** The media types of all answers so far, by whether the operation was a subscription. */
let seen = { subscription: [], other: [] };

/** A fetch that records the media type of each answer. */
async function watched(input, init) {
  const response = await fetch(input, init);
  const kind = JSON.parse(init.body).query.trimStart().startsWith('subscription') ? 'subscription' : 'other';
  seen[kind].push(response.headers.get('content-type'));
  return response;
}

/** Reads the log from its beginning, and reconnects where the client does not do so itself. */
class Reader {
  entries = [];
  #client;
  #stop = () => {};
  #ended = false;
  #failed = withResolvers();
  #arrived = () => {};

  constructor(client) {
    this.#client = client;
    this.#failed.promise.catch(() => {}); // until reports it
    this.#follow();
  }

  #follow() {
    let lost = false;
    this.#stop = this.#client.follow(
      () => this.entries.at(-1)?.cursor ?? '0',
      (entry) => {
        this.entries.push(entry);
        this.#arrived();
      },
      async (why, final) => {
        if (this.#ended || lost) return;
        lost = true;
        if (final) return this.#failed.reject(new Error(`the client gave up: ${JSON.stringify(why)} ${why}`));
        if (why === 'complete') return this.#failed.reject(new Error('the stream was completed'));
        await delay(retryPause);
        this.#stop(); // urql would share an ended subscription with the next equal one
        if (!this.#ended) this.#follow();
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

  end() {
    this.#ended = true;
    this.#stop();
  }
}

for (const [name, connect] of Object.entries(clients)) {
  test(`${name}: add, subscribe, lose connections and the server, resume: 0 lost, 0 doubled`, async (t) => {
    seen = { subscription: [], other: [] };
    const server = await startServer(t);
    const proxy = await startProxy(t, server);
    const reader = new Reader(connect(proxy.endpoint));
    atEnd(t, () => reader.end());

    const answered = [];
    const poster = connect(server.endpoint);
    const post = async (from, count) => {
      for (let n = 0; n < count; n++) {
        const { addChatEntry: entry } = await poster.run(addChatEntry, { connectionId: from, body: `${from} ${n} ř 🐎` });
        answered.push(entry);
      }
    };
    const postAll = (count) =>
      Promise.all(Array.from({ length: posters }, (_, index) => post(`poster-${index}`, count / posters)));

    const posting = postAll(total / 2);
    for (let count = 10; count < total / 2; count += 10) {
      await reader.until(count);
      proxy.cut();
    }
    await posting;
    await reader.until(total / 2);

    // A stopping server cuts its streams without the protocol's end, or clients would take them for complete.
    assert.equal(await server.stop(), 0);
    await server.start();
    await postAll(total / 2);
    await reader.until(total);

    assert.deepEqual(
      reader.entries.map(({ seq }) => seq),
      Array.from({ length: total }, (_, index) => index + 1),
    );
    const plain = ({ seq, cursor, body }) => ({ seq, cursor, body });
    assert.deepEqual(reader.entries.map(plain), [...answered].sort((a, b) => a.seq - b.seq).map(plain));

    const { latestChatEntry } = await poster.run('query ($id: ID!) { latestChatEntry(connectionId: $id) { body } }', { id: 'poster-0' });
    assert.equal(latestChatEntry.body, `poster-0 ${total / 2 / posters - 1} ř 🐎`);
    assert.deepEqual([...new Set(seen.subscription)], [types[name][0]]);
    assert.deepEqual([...new Set(seen.other)], [types[name][1]]);
    t.diagnostic(`${total} entries over ${seen.subscription.length} streams`);
    assert.ok(seen.subscription.length > 2, 'no connection was lost: the test tested nothing');
  });
}

test('graphql-sse: an operation that fails before execution is an error, and ends', async (t) => {
  const server = await startServer(t);
  const client = createClient({ url: server.endpoint, retryAttempts: 0 });
  for (const query of ['{ nope }', '{', 'mutation { nope }', 'subscription { nope }', 'subscription { entryAdded(after: "nope") { seq } }']) {
    const results = [];
    for await (const result of client.iterate({ query })) results.push(result);
    assert.equal(results.length, 1, query);
    assert.equal(typeof results[0].errors[0].extensions.code, 'string', query);
  }
});

test('EventSource: a browser resumes by itself at the last event, and sees the end', async (t) => {
  const server = await startServer(t);
  const proxy = await startProxy(t, server);
  const browser = await chromium.launch({
    executablePath: process.env.CHATTOK_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
  atEnd(t, () => browser.close());
  const page = await browser.newPage({ bypassCSP: true }); // it stands for any page of a user
  await page.goto(new URL('/', proxy.endpoint).href);
  await page.evaluate((query) => {
    globalThis.entries = [];
    globalThis.opened = 0;
    const source = new EventSource(`/graphql?query=${encodeURIComponent(query)}`);
    source.onopen = () => (globalThis.opened += 1);
    source.addEventListener('next', ({ data, lastEventId }) => {
      const { seq, cursor } = JSON.parse(data).data.entryAdded;
      globalThis.entries.push([seq, cursor === lastEventId]);
    });
  }, 'subscription { entryAdded(after: "0") { seq cursor } }');
  const half = 10;
  const received = async (count) => {
    while ((await page.evaluate(() => globalThis.entries.length)) < count) await delay(retryPause);
  };
  for (let n = 0; n < half; n++) await server.run(addChatEntry, { connectionId: 'a', body: 'x' });
  await received(half);
  proxy.cut();
  for (let n = 0; n < half; n++) await server.run(addChatEntry, { connectionId: 'a', body: 'x' });
  await received(2 * half);
  assert.deepEqual(
    await page.evaluate(() => globalThis.entries),
    Array.from({ length: 2 * half }, (_, index) => [index + 1, true]),
  );
  assert.equal(await page.evaluate(() => globalThis.opened), 2);

  const events = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const seen = [];
        const source = new EventSource(`/graphql?query=${encodeURIComponent('{ __typename }')}`);
        source.addEventListener('next', ({ data }) => seen.push(data));
        source.addEventListener('complete', ({ data }) => {
          source.close();
          resolve([...seen, data]);
        });
      }),
  );
  assert.deepEqual(events, ['{"data":{"__typename":"Query"}}', '']);
});
