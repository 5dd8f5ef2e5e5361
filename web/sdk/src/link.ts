// A single WebSocket, from opening to close, with the protocol graphql-transport-ws. Reconnecting is up to the connector.
import { asError, dataOf, errorOf, type WireError, type WireResult } from './api.ts';
import { ChattokError } from './errors.ts';
import type { Document } from './generated/operations.ts';
import { pauseBefore } from './pause.ts';

/** Durations are in milliseconds. */
const ackPatience = 10_000;
const silence = 10_000; // without any message for this long, a ping is sent
const heartbeat = 5_000; // interval of that check
const pongPatience = 5_000;
const limitPatience = 60_000; // how long an operation that the server rate-limits is retried

/** Why a WebSocket closed. The codes are those of CloseCode in graph/transport, and `closeSilent`. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** Close code that the SDK uses for a WebSocket that stopped responding. */
export const closeSilent = 4499;

const open = 1; // WebSocket.OPEN, which not every runtime defines

/** Receives the results of an operation. */
interface Sink {
  next(result: WireResult): void;
  /** The server has refused or ended the operation. */
  error(errors: readonly WireError[]): void;
  complete(): void;
  /** The WebSocket has closed. */
  lost(): void;
}

/** Called for the errors of subscriptions. */
export interface LinkHooks {
  /** An event could not be read. */
  bad(error: ChattokError): void;
  /** The server has ended a subscription. */
  failed(error: ChattokError): void;
}

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

export class Link {
  /** Resolves when the WebSocket has closed. Never rejects. */
  readonly closed: Promise<Closed>;
  readonly #hooks: LinkHooks;
  readonly #since = Date.now();
  readonly #operations = new Map<string, { payload: unknown; sink: Sink }>();
  #socket: WebSocket | undefined;
  #count = 0;
  #over: Closed | undefined;
  #resolveClosed!: (closed: Closed) => void;
  #aliveAt = 0;
  #pong: ReturnType<typeof setTimeout> | undefined;
  #pongBy = 0;
  #heart: ReturnType<typeof setInterval> | undefined;
  #nextTurn = 0; // when the last of the rate-limited operations is retried

  constructor(endpoint: URL, accessToken: string, webSocketImpl: unknown, hooks: LinkHooks) {
    this.#hooks = hooks;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const url = new URL(endpoint);
    url.protocol = url.protocol.replace('http', 'ws');
    this.#expect(ackPatience);
    try {
      const socket = new ((webSocketImpl as typeof WebSocket | undefined) ?? WebSocket)(url.href, 'graphql-transport-ws');
      this.#socket = socket;
      socket.onopen = () => this.#say({ type: 'connection_init', payload: { Authorization: `Bearer ${accessToken}` } });
      socket.onmessage = ({ data }) => this.#hear(data as string);
      socket.onclose = (event) => this.#end(event);
      socket.onerror = () => {}; // `onclose` follows; without a listener Node's `ws` would throw
    } catch (cause) {
      this.#end({ code: 1006, reason: asError(cause).message }); // the WebSocket could not be created
    }
  }

  /**
   * Runs a query or mutation. Rate-limited operations are retried one after another, at the times that the server gives.
   * Rejects with RATE_LIMITED if the retry would be more than a minute away, and with NETWORK if the WebSocket closes first.
   */
  async run<Data, Variables extends object>(query: Document<Data, Variables>, variables: Variables): Promise<Data> {
    for (const since = Date.now(); ; ) {
      try {
        return await this.once(query, variables);
      } catch (error) {
        const { retryAfterMs } = error as ChattokError;
        if (retryAfterMs === undefined) throw error;
        const turn = Math.max(this.#nextTurn, Date.now()) + retryAfterMs;
        if (turn - since > limitPatience) throw error;
        this.#nextTurn = turn;
        await this.#later(turn - Date.now());
      }
    }
  }

  /**
   * Runs a query or mutation without retrying. Operations are sent in call order. Rejects with NETWORK if the WebSocket
   * closes.
   */
  once<Data, Variables extends object>(query: Document<Data, Variables>, variables: Variables): Promise<Data> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(new ChattokError('NETWORK', 'the connection was lost'));
      if (this.#over) return lost();
      this.#start(query, variables, {
        next: (result) => {
          try {
            resolve(dataOf<Data>(result));
          } catch (error) {
            reject(error);
          }
        },
        error: (errors) => reject(errorOf(errors)),
        complete: lost, // no effect after a result
        lost,
      });
    });
  }

  /**
   * Starts a subscription, which lasts as long as the WebSocket. `next` receives each event; `failed` is called when the server
   * ends the subscription, in place of the hook. A rate-limited subscription is retried later, with the variables that apply
   * then.
   */
  follow<Data, Variables extends object>(
    query: Document<Data, Variables>,
    next: (data: Data) => void,
    variables = () => ({}) as Variables,
    failed = this.#hooks.failed,
    attempt = 1,
  ): void {
    if (this.#over) return;
    const ended = (error: ChattokError) => {
      if (error.code !== 'RATE_LIMITED') return failed(error);
      const pause = error.retryAfterMs ?? pauseBefore(attempt);
      void this.#later(pause).then(() => this.follow(query, next, variables, failed, attempt + 1));
    };
    this.#start(query, variables(), {
      next: (result) => {
        try {
          next(dataOf<Data>(result));
        } catch (error) {
          this.#hooks.bad(asError(error));
        }
      },
      error: (errors) => ended(errorOf(errors)),
      complete: () => ended(new ChattokError('UNAVAILABLE', 'a subscription ended')),
      lost: () => {},
    });
  }

  /** Checks that the WebSocket responds. It is closed if it does not answer a ping in time, or takes too long to open. */
  check(patience = pongPatience): void {
    if (this.#over) return;
    if (this.#aliveAt === 0) {
      if (Date.now() - this.#since > patience) this.#expect(patience);
      return;
    }
    if (this.#pong === undefined) this.#say({ type: 'ping' });
    this.#expect(patience);
  }

  /** Closes the WebSocket at once, without waiting for the server's close frame. */
  close(reason = 'closed by the page'): void {
    this.#end({ code: 1000, reason });
  }

  /** Starts an operation: now, or once the server has acknowledged the WebSocket. */
  #start(query: string, variables: object, sink: Sink): void {
    const id = String(++this.#count);
    const payload = { query, variables };
    this.#operations.set(id, { payload, sink });
    if (this.#aliveAt > 0) this.#say({ type: 'subscribe', id, payload });
  }

  #say(message: Message): void {
    if (this.#socket?.readyState === open) this.#socket.send(JSON.stringify(message));
  }

  #hear(text: string): void {
    if (this.#over) return;
    const { type, id = '', payload } = JSON.parse(text) as Message;
    if (type === 'connection_ack') return this.#acknowledged();
    this.#alive();
    if (type === 'ping') this.#say({ type: 'pong' });
    const operation = this.#operations.get(id);
    if (!operation) return;
    if (type === 'next') operation.sink.next(payload as WireResult);
    if (type !== 'error' && type !== 'complete') return;
    this.#operations.delete(id);
    if (type === 'error') operation.sink.error(payload as WireError[]);
    else operation.sink.complete();
  }

  #acknowledged(): void {
    this.#alive();
    this.#heart = setInterval(() => Date.now() - this.#aliveAt >= silence && this.check(), heartbeat);
    for (const [id, { payload }] of this.#operations) this.#say({ type: 'subscribe', id, payload });
  }

  /** Resolves after some milliseconds, or when the WebSocket has closed. */
  async #later(milliseconds: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([this.closed, new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)))]);
    clearTimeout(timer);
  }

  /** Closes the WebSocket unless a message arrives within `patience`. An earlier deadline stays in force. */
  #expect(patience: number): void {
    const by = Date.now() + patience;
    if (this.#pong !== undefined && this.#pongBy <= by) return;
    clearTimeout(this.#pong);
    this.#pongBy = by;
    this.#pong = setTimeout(() => this.#end({ code: closeSilent, reason: 'no sign of life' }), patience);
  }

  #alive(): void {
    this.#aliveAt = Date.now();
    clearTimeout(this.#pong);
    this.#pong = undefined;
  }

  #end(closed: Closed): void {
    if (this.#over) return;
    this.#over = { code: closed.code, reason: closed.reason };
    this.#alive();
    clearInterval(this.#heart);
    this.#socket?.close(1000);
    this.#resolveClosed(this.#over);
    for (const { sink } of this.#operations.values()) sink.lost();
    this.#operations.clear();
  }
}
