// A fake server with one session, in the test's process. It replaces fetch and WebSocket; tests define its answers.
import { vi } from 'vitest';
import * as operations from '../src/generated/operations.ts';

export interface Operation {
  readonly id: string;
  readonly name: string;
  readonly variables: Record<string, unknown>;
}

/** The operations' names, by their texts. */
const names = new Map(Object.entries(operations).map(([name, text]) => [text as string, name[0]!.toUpperCase() + name.slice(1, -'Document'.length)]));

const nameOf = (query: string | undefined) => names.get(query ?? '') ?? '';

type Message = { id?: string; type: string; payload?: { query?: string; variables?: Record<string, unknown> } & Record<string, unknown> };

/** The client's end of a WebSocket; `server` is the other end. */
export class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  static server: FakeServer;
  readyState = FakeSocket.CONNECTING;
  onopen?: () => void;
  onmessage?: ((event: { data: string }) => void) | null;
  onclose?: ((event: { code: number; reason: string }) => void) | null;
  onerror?: ((event: unknown) => void) | null;
  readonly operations: Operation[] = [];
  pings = 0;
  mute = false;
  token: unknown;

  constructor() {
    FakeSocket.server.sockets.push(this);
    queueMicrotask(() => {
      if (FakeSocket.server.down) return this.end(1006, '');
      this.readyState = FakeSocket.OPEN;
      this.onopen?.();
    });
  }

  send(text: string): void {
    if (this.mute) return;
    const message = JSON.parse(text) as Message;
    if (message.type === 'ping') {
      this.pings++;
      this.say({ type: 'pong' });
    } else if (message.type === 'connection_init') {
      this.token = message.payload?.['Authorization'];
      FakeSocket.server.onInit(this);
    } else if (message.type === 'subscribe') {
      const operation = { id: message.id!, name: nameOf(message.payload?.query), variables: message.payload?.variables ?? {} };
      this.operations.push(operation);
      FakeSocket.server.onOperation(this, operation);
    }
  }

  close(code: number, reason: string): void {
    this.end(code, reason);
  }

  /** Closes the socket from the server's side. */
  end(code: number, reason: string): void {
    if (this.readyState === FakeSocket.CLOSED) return;
    this.readyState = FakeSocket.CLOSED;
    this.onclose?.({ code, reason });
  }

  say(message: object): void {
    queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(message) }));
  }

  /** Sends a result to the latest operation with this name. */
  next(name: string, payload: object): void {
    const operation = this.operations.findLast((each) => each.name === name);
    if (!operation) throw new Error(`no ${name}`);
    this.say({ id: operation.id, type: 'next', payload });
  }
}

export const member = (id: string, data: string | null = id, userId: string | null = null) => ({
  id,
  userId,
  data,
  role: 'PUBLISHER' as const,
  createdAt: '2026-01-01T00:00:00.000Z',
});

export const entry = (seq: number, body = `${seq}`, connectionId = 'bob') => ({
  id: `e${seq}`,
  seq,
  cursor: `c${seq}`,
  connectionId,
  connection: member(connectionId),
  userId: null as string | null,
  body,
  data: null as string | null,
  createdAt: '2026-01-01T00:00:00.000Z',
  version: 1,
  editedAt: null as string | null,
  deletedAt: null as string | null,
  deletedBy: null as string | null,
  replyTo: null as { id: string } | null,
  reactions: [] as { name: string; count: number }[],
});

export type FakeEntry = ReturnType<typeof entry>;

/** An event of the log: an entry was added. */
export const added = (entry: FakeEntry) => ({ data: { logEvents: { __typename: 'EntryAdded', entry, cursor: entry.cursor } } });

/** An event of the log: an entry was changed, at another place than its own. */
export const changed = (entry: FakeEntry, change = 'EDITED', cursor = `${entry.cursor}v${entry.version}`) => ({
  data: { logEvents: { __typename: 'EntryChanged', entry, change, cursor } },
});

export class FakeServer {
  down = false;
  readonly sockets: FakeSocket[] = [];
  /** Names of the operations received by POST. */
  readonly posts: string[] = [];
  connections = 0;
  /** The user of all connections; the session's slow mode in seconds, whether it is read-only, and the end of its log. */
  userId: string | null = null;
  slowMode = 0;
  readOnly = false;
  lastCursor = '0';
  /** Variables of the last operation received by POST. */
  variables: Record<string, unknown> = {};
  /** Response to `connect` and `renewAccess` instead of success. A Response is sent unchanged. */
  refusal: object | undefined;
  renewal: object | undefined;
  lifetime = 3_600_000;

  constructor() {
    FakeSocket.server = this;
    vi.stubGlobal('WebSocket', FakeSocket);
    vi.stubGlobal('fetch', (_url: URL, init: RequestInit) => this.#post(init));
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  onInit = (socket: FakeSocket): void => socket.say({ type: 'connection_ack' });

  onOperation = (socket: FakeSocket, { name }: Operation): void => {
    if (name === 'SessionEvents') socket.next(name, { data: { sessionEvents: this.state() } });
  };

  state(): object {
    const connections = [member(`me${this.connections}`, 'me', this.userId)];
    return { __typename: 'SessionState', connections, connectionCount: 1, streams: [], streamCount: 0 };
  }

  async #post(init: RequestInit): Promise<Response> {
    if (this.down) throw new TypeError('Failed to fetch');
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: Record<string, unknown> };
    this.variables = variables;
    const name = nameOf(query);
    this.posts.push(name);
    const answer = this.#answer(name);
    return answer instanceof Response ? answer.clone() : new Response(JSON.stringify(answer));
  }

  #answer(name: string): object {
    const access = { accessToken: `token${this.posts.length}`, expiresAt: new Date(Date.now() + this.lifetime).toISOString() };
    if (name === 'Connect') {
      if (this.refusal) return this.refusal;
      const connection = member(`me${++this.connections}`, 'me', this.userId);
      return { data: { connect: { ...access, connection, session: { id: 'demo', lastCursor: this.lastCursor, slowMode: this.slowMode, readOnly: this.readOnly } } } };
    }
    if (name === 'RenewAccess') return this.renewal ?? { data: { renewAccess: access } };
    return { data: { disconnect: { id: 'me' } } };
  }
}

export const failure = (code: string, reason?: string, retryAfterMs?: number, more: object = {}) => ({
  errors: [{ message: `refused: ${code}`, extensions: { code, ...(reason && { reason }), ...(retryAfterMs !== undefined && { retryAfterMs }), ...more } }],
});

/** A refusal by a server of an older version, which lacks what the message names. */
export const unknown = (message = 'Cannot query field "version" on type "ChatEntry".') => ({
  errors: [{ message, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
});
