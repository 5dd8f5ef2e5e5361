// A server of one session, in the test's process: fetch and WebSocket are replaced, and a test says what they answer.
import { vi } from 'vitest';

export interface Operation {
  readonly id: string;
  readonly name: string;
  readonly variables: Record<string, unknown>;
}

type Message = { id?: string; type: string; payload?: { query?: string; variables?: Record<string, unknown> } & Record<string, unknown> };

/** The socket that the SDK opens; `server` is the other end. */
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
      const [, name = ''] = /^\w+ (\w+)/.exec(message.payload?.query ?? '') ?? [];
      const operation = { id: message.id!, name, variables: message.payload?.variables ?? {} };
      this.operations.push(operation);
      FakeSocket.server.onOperation(this, operation);
    }
  }

  close(code: number, reason: string): void {
    this.end(code, reason);
  }

  /** The server closes. */
  end(code: number, reason: string): void {
    if (this.readyState === FakeSocket.CLOSED) return;
    this.readyState = FakeSocket.CLOSED;
    this.onclose?.({ code, reason });
  }

  say(message: object): void {
    queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(message) }));
  }

  /** An event of the subscription of this name, or any result. */
  next(name: string, payload: object): void {
    const operation = this.operations.findLast((each) => each.name === name);
    if (!operation) throw new Error(`no ${name}`);
    this.say({ id: operation.id, type: 'next', payload });
  }
}

export const member = (id: string, data: string | null = id) => ({ id, data, role: 'PUBLISHER', createdAt: '2026-01-01T00:00:00.000Z' });

export const entry = (seq: number, body = `${seq}`, connectionId = 'bob') => ({
  id: `e${seq}`,
  seq,
  cursor: `c${seq}`,
  connectionId,
  connection: member(connectionId),
  body,
  createdAt: '2026-01-01T00:00:00.000Z',
});

export class FakeServer {
  down = false;
  readonly sockets: FakeSocket[] = [];
  /** The names of the operations that came by POST. */
  readonly posts: string[] = [];
  connections = 0;
  /** What `connect` and `renewAccess` answer in place of success; a Response is sent as it is. */
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
    const connections = [member(`me${this.connections}`, 'me')];
    return { __typename: 'SessionState', connections, connectionCount: 1, streams: [] };
  }

  async #post(init: RequestInit): Promise<Response> {
    if (this.down) throw new TypeError('Failed to fetch');
    const { query } = JSON.parse(String(init.body)) as { query: string };
    const [, name = ''] = /^\w+ (\w+)/.exec(query) ?? [];
    this.posts.push(name);
    const answer = this.#answer(name);
    return answer instanceof Response ? answer.clone() : new Response(JSON.stringify(answer));
  }

  #answer(name: string): object {
    const access = { accessToken: `token${this.posts.length}`, expiresAt: new Date(Date.now() + this.lifetime).toISOString() };
    if (name === 'Connect') {
      if (this.refusal) return this.refusal;
      const connection = member(`me${++this.connections}`, 'me');
      return { data: { connect: { ...access, connection, session: { id: 'demo', lastCursor: '0' } } } };
    }
    if (name === 'RenewAccess') return this.renewal ?? { data: { renewAccess: access } };
    return { data: { disconnect: { id: 'me' } } };
  }
}

export const failure = (code: string, reason?: string, retryAfterMs?: number) => ({
  errors: [{ message: `refused: ${code}`, extensions: { code, ...(reason && { reason }), ...(retryAfterMs !== undefined && { retryAfterMs }) } }],
});
