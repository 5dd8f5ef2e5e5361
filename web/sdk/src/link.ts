// One WebSocket from its opening to its end. Coming back is the connector's.
import { createClient, type Client } from 'graphql-ws/client';
import { asError, dataOf, errorOf, type WireError, type WireResult } from './api.ts';
import { ChattokError } from './errors.ts';
import type { Document } from './generated/operations.ts';

/** Milliseconds. */
const ackPatience = 10_000;
const silence = 10_000; // after which a sign of life is asked for
const heartbeat = 5_000; // between looks at it
const pongPatience = 5_000;

/** Why a socket ended; the codes are those of graph/transport's CloseCode, and 4499 for one that was dead but open. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A socket of the session. */
export class Link {
  /** Resolves when the socket has ended, and never rejects. */
  readonly closed: Promise<Closed>;
  readonly #client: Client;
  #socket: WebSocket | undefined;
  #over: Closed | undefined;
  #resolveClosed!: (closed: Closed) => void;
  #aliveAt = 0;
  #pong: ReturnType<typeof setTimeout> | undefined;
  #heart: ReturnType<typeof setInterval> | undefined;

  constructor(endpoint: URL, accessToken: string) {
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const url = new URL(endpoint);
    url.protocol = url.protocol.replace('http', 'ws');
    let operations = 0;
    this.#client = createClient({
      url: url.href,
      connectionParams: { Authorization: `Bearer ${accessToken}` },
      retryAttempts: 0,
      generateID: () => String(++operations),
      on: {
        opened: (socket) => (this.#socket = socket as WebSocket),
        connected: () => {
          this.#alive();
          this.#heart = setInterval(() => Date.now() - this.#aliveAt >= silence && this.check(), heartbeat);
        },
        message: () => this.#alive(),
        closed: (event) => this.#end(event as Closed),
      },
    });
    this.#expect(ackPatience);
  }

  /** Runs a query or mutation; those of one link begin in their order. Rejects with NETWORK where the link ends first. */
  run<Data, Variables extends object>(query: Document<Data, Variables>, variables: Variables): Promise<Data> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(new ChattokError('NETWORK', 'the connection was lost before the answer came'));
      if (this.#over) return lost();
      this.#client.subscribe(
        { query, variables: variables as Record<string, unknown> },
        {
          next: (result) => {
            try {
              resolve(dataOf<Data>(result as WireResult));
            } catch (error) {
              reject(error);
            }
          },
          error: (cause) => (Array.isArray(cause) ? reject(errorOf(cause as WireError[])) : lost()),
          complete: lost, // of no effect where there was an answer
        },
      );
    });
  }

  /**
   * Follows a subscription. `next` has each event, `bad` each that can't be read, `failed` is called where the server ends
   * it. It ends with the link.
   */
  follow<Data, Variables extends object>(
    query: Document<Data, Variables>,
    variables: Variables,
    handlers: { next: (data: Data) => void; bad: (error: ChattokError) => void; failed: (error: ChattokError) => void },
  ): void {
    const failed = (error: ChattokError) => {
      if (!this.#over) handlers.failed(error);
    };
    this.#client.subscribe(
      { query, variables: variables as Record<string, unknown> },
      {
        // Whatever is thrown here would make the client close the socket.
        next: (result) => {
          try {
            handlers.next(dataOf<Data>(result as WireResult));
          } catch (error) {
            handlers.bad(asError(error));
          }
        },
        error: (cause) => {
          if (Array.isArray(cause)) failed(errorOf(cause as WireError[]));
        },
        complete: () => failed(new ChattokError('UNAVAILABLE', 'the server ended a subscription')),
      },
    );
  }

  /** Asks for a sign of life; a socket that gives none within 5 seconds is ended. */
  check(): void {
    if (this.#pong !== undefined || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send('{"type":"ping"}');
    this.#expect(pongPatience);
  }

  /** Ends the socket at once, without waiting for the other side. */
  close(reason = 'closed by the page'): void {
    this.#end({ code: 1000, reason });
    this.#client.terminate();
  }

  #expect(patience: number): void {
    this.#pong = setTimeout(() => {
      this.#end({ code: 4499, reason: 'no sign of life' });
      this.#client.terminate();
    }, patience);
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
    // The client would come back by itself after a close with 1000. It rejects where it had not connected.
    Promise.resolve(this.#client.dispose()).catch(() => {});
    this.#resolveClosed(this.#over);
  }
}
