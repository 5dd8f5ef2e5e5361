// One WebSocket from its opening to its end. Coming back is the connector's.
import { createClient, type Client } from 'graphql-ws/client';
import { asError, dataOf, errorOf, type WireError, type WireResult } from './api.ts';
import { ChattokError } from './errors.ts';
import type { Document } from './generated/operations.ts';
import { pauseBefore } from './pause.ts';

/** Milliseconds. */
const ackPatience = 10_000;
const silence = 10_000; // after which a sign of life is asked for
const heartbeat = 5_000; // between looks at it
const pongPatience = 5_000;
const limitPatience = 60_000; // for which an operation waits for its turn where the server takes no more at once

/** Why a socket ended; the codes are those of graph/transport's CloseCode, and 4499 for one that was dead but open. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** The close code of a socket that gave no sign of life. */
export const closeSilent = 4499;

const open = 1; // WebSocket.OPEN, which is not everywhere

/** A socket of the session. */
export class Link {
  /** Resolves when the socket has ended, and never rejects. */
  readonly closed: Promise<Closed>;
  readonly #client: Client;
  readonly #since = Date.now();
  #socket: WebSocket | undefined;
  #over: Closed | undefined;
  #resolveClosed!: (closed: Closed) => void;
  #aliveAt = 0;
  #pong: ReturnType<typeof setTimeout> | undefined;
  #pongBy = 0;
  #heart: ReturnType<typeof setInterval> | undefined;
  #nextTurn = 0; // when the last of the operations that the server would not take yet is asked again

  constructor(endpoint: URL, accessToken: string, webSocketImpl: unknown) {
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const url = new URL(endpoint);
    url.protocol = url.protocol.replace('http', 'ws');
    let operations = 0;
    this.#client = createClient({
      url: url.href,
      webSocketImpl,
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

  /**
   * Runs a query or mutation, and again where the server says that it is too early for it; those that were told so wait one
   * after another. Rejects with RATE_LIMITED where that would take more than a minute, and with NETWORK where the link ends
   * first.
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

  /** Runs a query or mutation, once; those of one link begin in their order. Rejects with NETWORK where the link ends first. */
  once<Data, Variables extends object>(query: Document<Data, Variables>, variables: Variables): Promise<Data> {
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
   * it. It ends with the link. Where the server says that it is too early for it, it is asked again later, with the
   * variables of then.
   */
  follow<Data, Variables extends object>(
    query: Document<Data, Variables>,
    variables: () => Variables,
    handlers: { next: (data: Data) => void; bad: (error: ChattokError) => void; failed: (error: ChattokError) => void },
    attempt = 1,
  ): void {
    if (this.#over) return;
    const failed = (error: ChattokError) => {
      if (this.#over) return;
      if (error.code !== 'RATE_LIMITED') return handlers.failed(error);
      const pause = error.retryAfterMs ?? pauseBefore(attempt);
      void this.#later(pause).then(() => this.follow(query, variables, handlers, attempt + 1));
    };
    this.#client.subscribe(
      { query, variables: variables() as Record<string, unknown> },
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
          else if (cause instanceof Error) this.#end({ code: 1006, reason: cause.message }); // there is no socket at all
        },
        complete: () => failed(new ChattokError('UNAVAILABLE', 'the server ended a subscription')),
      },
    );
  }

  /** Asks for a sign of life; a socket that gives none in time is ended, as is one that is not open after so long. */
  check(patience = pongPatience): void {
    if (this.#over) return;
    if (this.#aliveAt === 0) {
      if (Date.now() - this.#since > patience) this.#expect(patience);
      return;
    }
    if (this.#pong === undefined && this.#socket?.readyState === open) this.#socket.send('{"type":"ping"}');
    this.#expect(patience);
  }

  /** Ends the socket at once, without waiting for the other side. */
  close(reason = 'closed by the page'): void {
    this.#end({ code: 1000, reason });
    this.#client.terminate();
  }

  /** Resolves after this many milliseconds, or when the link ends. */
  async #later(milliseconds: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([this.closed, new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)))]);
    clearTimeout(timer);
  }

  /** Gives the socket so much time for a sign of life, or what is left of the time that it was given before. */
  #expect(patience: number): void {
    const by = Date.now() + patience;
    if (this.#pong !== undefined && this.#pongBy <= by) return;
    clearTimeout(this.#pong);
    this.#pongBy = by;
    this.#pong = setTimeout(() => {
      this.#end({ code: closeSilent, reason: 'no sign of life' });
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
