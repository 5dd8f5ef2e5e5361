// People in a session whose backend uses OpenTok's server libraries: they follow the session over the reference client.
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { withResolvers } from './server.mjs';

export const apiKey = '46123456';
export const apiSecret = '0123456789abcdef0123456789abcdef01234567';

const connect = `mutation ($token: String, $session: ID) {
  connect(token: $token, sessionId: $session) { accessToken connection { id data role } session { id mediaMode muteForced } }
}`;

const events = `subscription { sessionEvents { __typename
  ... on SessionState { muteForced streams { id hasAudio } connections { id } }
  ... on ConnectionCreated { connection { id data role } }
  ... on ConnectionDestroyed { connection { id } reason }
  ... on StreamCreated { stream { id hasAudio } }
  ... on StreamUpdated { stream { id hasAudio } }
  ... on StreamDestroyed { stream { id } reason }
  ... on MuteForced { streamId except active moderator { id role } } } }`;

const signals = 'subscription { signalReceived { type data fromConnectionId to } }';

/** Joins a session with a token, follows it, and leaves with the test. */
export async function join(t, server, token, session) {
  const joined = await server.run(connect, { token, session });
  return new Member(t, server, joined.connect);
}

/** Returns the answer of connect to a token: the code, the reason and the message of its refusal, or the role and data. */
export async function tryToken(server, token, session) {
  const response = await fetch(server.endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: connect, variables: { token, session } }),
  });
  const { data, errors } = await response.json();
  if (errors) return { code: errors[0].extensions.code, reason: errors[0].extensions.reason, message: errors[0].message };
  const { connection, session: at } = data.connect;
  return { role: connection.role, data: connection.data, session: at.id };
}

class Member {
  id;
  data;
  role;
  session;
  /** Events and signals so far, in the order in which they were heard. */
  heard = [];
  #access;
  #server;
  #waiting = [];
  #ready;

  constructor(t, server, { accessToken, connection, session }) {
    Object.assign(this, connection, { session });
    this.#server = server;
    this.#access = accessToken;
    const client = createClient({
      url: server.socketEndpoint,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${accessToken}` },
      retryAttempts: 0,
      lazy: false,
      onNonLazyError: () => {},
    });
    atEnd(t, () => client.dispose());
    const { promise, resolve } = withResolvers();
    this.#ready = promise;
    const sink = (found) => ({
      next: ({ data }) => {
        if (!data) return;
        found(data);
        this.#waiting = this.#waiting.filter((check) => !check());
      },
      error: () => {},
      complete: () => {},
    });
    client.subscribe(
      { query: events },
      sink(({ sessionEvents }) => {
        if (sessionEvents.__typename === 'SessionState') resolve(sessionEvents);
        this.heard.push(sessionEvents);
      }),
    );
    client.subscribe({ query: signals }, sink(({ signalReceived }) => this.heard.push({ __typename: 'Signal', ...signalReceived })));
  }

  /** The first snapshot. */
  state() {
    return this.#ready;
  }

  /** Waits for something that was or will be heard, and returns it. */
  hear(type, matches = () => true) {
    const { promise, resolve } = withResolvers();
    const check = () => {
      const found = this.heard.find((event) => event.__typename === type && matches(event));
      if (found) resolve(found);
      return found !== undefined;
    };
    if (!check()) this.#waiting.push(check);
    return promise;
  }

  /** Runs an operation as this connection. */
  run(query, variables) {
    return this.#server.run(query, variables, { authorization: `Bearer ${this.#access}` });
  }

  /** Publishes a stream and returns it as it was stored. */
  async publish(name, options = {}) {
    const { publishStream } = await this.run(
      'mutation ($name: String, $video: VideoType, $audio: Boolean) { publishStream(name: $name, videoType: $video, hasAudio: $audio) { id hasAudio } }',
      { name, video: 'CAMERA', audio: true, ...options },
    );
    return publishStream;
  }
}
