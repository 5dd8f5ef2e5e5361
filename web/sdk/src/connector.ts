// Keeps a session connected: gets an access token, opens one WebSocket after another, and waits between attempts.
import { asError, oldServer, post, unknownToSchema } from './api.ts';
import { Diagnosis } from './diagnosis.ts';
import { ChattokError, type ErrorCode } from './errors.ts';
import {
  connectDocument,
  disconnectDocument,
  renewAccessDocument,
  type ConnectMutation,
  type Document,
  type RenewAccessMutation,
} from './generated/operations.ts';
import { Link, type Closed } from './link.ts';
import { watchPage } from './page.ts';
import { Pause, pauseBefore } from './pause.ts';
import type { ConnectOptions, SessionState } from './types.ts';

/** Durations are in milliseconds. */
const stableAfter = 10_000; // a session that was live for this long resets the retry delay
const longestRenewal = 30 * 60_000; // access tokens are renewed at half their lifetime, but at least this often
const shortestRenewal = 60_000; // the shortest such interval, in case this computer's clock is wrong
const farewell = 3_000;
const wakePatience = 1_500; // time to answer a ping after the page became visible
const wakeLasts = 5_000; // for this long after the page became visible, a failed attempt is retried without delay
const tokenPatience = 15_000; // warns on the console when the page's token function takes longer

/** Close codes that require more than a reconnect; see graph/transport/websocket_close.go. */
const closeUnauthorized = 4401;
const closeForbidden = 4403;

/** Errors of `connect` that no retry can change. */
const final = new Set<ErrorCode>(['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'BAD_USER_INPUT']);

export type Admission = ConnectMutation['connect'];

export interface ConnectorHooks {
  /** The server created a connection for this page: the first one, or a replacement. */
  admitted(admission: Admission): void;
  /** A WebSocket is being opened; subscriptions may start on it. Resolves when the session is live. */
  opened(link: Link): Promise<void>;
  state(state: SessionState): void;
  /** An event could not be read. */
  bad(error: ChattokError): void;
}

export class Connector {
  readonly endpoint: URL;
  /** The WebSocket, set only while the session is live. */
  link: Link | undefined;
  state: SessionState = { name: 'connecting', since: Date.now(), attempt: 1 };
  /** Data for new connections. */
  data: string | null | undefined;
  readonly #options: ConnectOptions;
  readonly #hooks: ConnectorHooks;
  readonly #pause = new Pause();
  readonly #diagnosis: Diagnosis;
  readonly #unwatch: () => void;
  #access: { token: string; renewAt: number; stale: boolean } | undefined;
  #opening: Link | undefined;
  #failed: ChattokError | undefined; // why the SDK itself closed the WebSocket
  #request: { since: number; abort: AbortController } | undefined; // the pending POST request that a WebSocket waits for
  #awakeAt = 0;
  #attempt = 0;
  #forbidden = 0; // consecutive WebSockets that were closed with closeForbidden
  #told = false; // the server told how to recover, so the next attempt needs no delay
  #hurried = false; // one attempt without delay was already made since the session was live
  #lostSince: number | undefined; // undefined until the session was live once
  #away = false; // the page is in the browser's back/forward cache
  #over = false;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(endpoint: URL, options: ConnectOptions, hooks: ConnectorHooks) {
    this.endpoint = endpoint;
    this.#options = options;
    this.data = options.data;
    this.#hooks = hooks;
    this.#diagnosis = new Diagnosis(endpoint);
    this.#unwatch = watchPage({
      awake: () => this.wake(),
      offline: () => this.link?.check(),
      hidden: () => this.#hide(),
      shown: () => {
        this.#away = false;
        this.#pause.wake();
      },
    });
  }

  /** The connection's access token; undefined before there is a connection, and after the session ended. */
  get accessToken(): string | undefined {
    return this.#over ? undefined : this.#access?.token;
  }

  /** Connects, and reconnects until the session is over. Never rejects. */
  async run(): Promise<void> {
    if (this.#options.webSocketImpl === undefined && typeof WebSocket === 'undefined') {
      this.#refuse(
        new ChattokError('MISCONFIGURED', 'there is no WebSocket here', {
          reason: 'NO_WEBSOCKET',
          cure: 'pass webSocketImpl, in Node that of the package ws',
        }),
      );
    }
    while (!this.#over) {
      let cause: ChattokError | undefined;
      try {
        await this.#admit();
        cause = this.#judge(await this.#serve());
      } catch (error) {
        cause = asError(error);
        if (final.has(cause.code)) this.#refuse(cause);
      }
      if (!this.#over && !this.#away && cause && this.#lostSince === undefined) cause = await this.#explain(cause);
      if (!this.#over) await this.#wait(cause);
    }
  }

  /** Looks for the reason why the first connection fails. A permanent one ends the session; a temporary one is logged. */
  async #explain(error: ChattokError): Promise<ChattokError> {
    const cause = await this.#diagnosis.of(error);
    if (this.#over) return cause;
    if (cause.code === 'MISCONFIGURED') this.#refuse(cause);
    else this.#diagnosis.tell(cause);
    return cause;
  }

  /** Leaves the session: tells the server to end the connection, and waits up to three seconds for its answer. */
  async disconnect(): Promise<void> {
    if (this.#over) return;
    const { link } = this;
    const access = this.#access;
    this.#finish({ name: 'ended', since: Date.now(), reason: 'clientDisconnected' }, false);
    if (access) {
      const late = new Promise((resolve) => setTimeout(resolve, farewell));
      const said = link
        ? link.once(disconnectDocument, {})
        : post(this.endpoint, disconnectDocument, {}, { accessToken: access.token, keepalive: true });
      await Promise.race([said.catch(() => {}), late]); // an unreachable server ends the connection after its grace time
    }
    link?.close();
  }

  /**
   * Ends the current delay, if there is one, and retries at once. Otherwise checks that the socket still responds. A socket
   * or request that stays silent is abandoned and retried without delay.
   */
  wake(): void {
    if (this.#pause.wake()) return;
    this.#awakeAt = Date.now();
    (this.link ?? this.#opening)?.check(wakePatience);
    if (this.#request && Date.now() - this.#request.since > wakePatience) this.#request.abort.abort();
  }

  /** Closes the WebSocket because its subscriptions failed. The next one is opened after a delay. */
  fail(error: ChattokError): void {
    this.#failed = unknownToSchema(error) ? oldServer(error.message) : error;
    (this.link ?? this.#opening)?.close(error.message);
  }

  /** Makes sure that there is a valid access token for the next WebSocket. */
  async #admit(): Promise<void> {
    if (this.#access && (this.#access.stale || this.#access.renewAt <= Date.now())) await this.#renewByPost();
    if (this.#access || this.#over) return;
    const { token, session, userKey } = this.#options;
    const { data } = this;
    const raw = typeof token === 'function' ? await this.#fetchToken(token) : token;
    if (this.#over) return;
    const { connect } = await this.#ask(connectDocument, {
      token: raw,
      sessionId: session,
      data,
      userKey: raw === undefined ? userKey : undefined,
    });
    if (this.#over) {
      await post(this.endpoint, disconnectDocument, {}, { accessToken: connect.accessToken }).catch(() => {});
      return;
    }
    this.#keep(connect);
    this.#hooks.admitted(connect);
  }

  async #renewByPost(): Promise<void> {
    try {
      this.#keep((await this.#ask(renewAccessDocument, {}, this.#access?.token)).renewAccess);
    } catch (error) {
      if (asError(error).code !== 'UNAUTHENTICATED') throw error;
      this.#access = undefined; // the connection has ended; request a new one
    }
  }

  /** Sends a request that must be answered before a WebSocket can be opened. `wake` aborts it if it is slow. */
  async #ask<Data, Variables>(query: Document<Data, Variables>, variables: Variables, accessToken?: string): Promise<Data> {
    const abort = new AbortController();
    this.#request = { since: Date.now(), abort };
    try {
      return await post(this.endpoint, query, variables, { accessToken, abort });
    } finally {
      this.#request = undefined;
    }
  }

  /**
   * Calls the page's token function. A failure is temporary unless the function throws a ChattokError whose code is final.
   */
  async #fetchToken(token: () => string | Promise<string>): Promise<string> {
    const slow = setTimeout(() => {
      this.#diagnosis.tell(new ChattokError('NETWORK', 'the token function gave no token', { reason: 'TOKEN' }));
    }, tokenPatience);
    try {
      const raw: unknown = await token();
      if (typeof raw === 'string' && raw !== '') return raw;
      throw new Error(`it gave ${raw === '' ? 'an empty text' : String(raw)}`);
    } catch (cause) {
      const error = asError(cause);
      if (error === cause) throw error;
      throw new ChattokError('NETWORK', `the token function failed: ${error.message}`, { cause, reason: 'TOKEN' });
    } finally {
      clearTimeout(slow);
    }
  }

  #keep(access: RenewAccessMutation['renewAccess']): void {
    const lifetime = Date.parse(access.expiresAt) - Date.now();
    const half = Math.max(shortestRenewal, Math.min(longestRenewal, lifetime / 2));
    this.#access = { token: access.accessToken, renewAt: Date.now() + half, stale: false };
    clearTimeout(this.#renewal);
    // A WebSocket stays open when its token expires. Requests by POST need a valid one, such as the `disconnect` sent when
    // the page closes.
    this.#renewal = setTimeout(() => {
      void this.link?.run(renewAccessDocument, {}).then(
        ({ renewAccess }) => this.#keep(renewAccess),
        () => {}, // renewed before the next WebSocket is opened
      );
    }, half);
  }

  /** Opens a WebSocket and resolves when it has closed. */
  async #serve(): Promise<Closed> {
    if (!this.#access || this.#over) return { code: 1000, reason: '' };
    const link = new Link(this.endpoint, this.#access.token, this.#options.webSocketImpl, {
      bad: this.#hooks.bad,
      failed: (error) => this.fail(error),
    });
    this.#opening = link;
    void this.#hooks.opened(link).then(() => {
      if (this.#opening !== link || this.#over) return;
      this.link = link;
      this.#lostSince = undefined;
      this.#forbidden = 0;
      this.#hurried = false;
      this.#say({ name: 'live', since: Date.now() });
    });
    const closed = await link.closed;
    this.#opening = undefined;
    this.link = undefined;
    if (this.state.name === 'live') {
      if (Date.now() - this.state.since >= stableAfter) this.#attempt = 0;
      this.#lostSince = Date.now();
    }
    return closed;
  }

  /** Decides what to do after a WebSocket closed, and returns the error to report. */
  #judge({ code, reason }: Closed): ChattokError | undefined {
    const failed = this.#failed;
    this.#failed = undefined;
    if (this.#over || this.#away) return undefined;
    if (code === closeUnauthorized) {
      for (const over of ['forceDisconnected', 'userErased'] as const) {
        if (reason.includes(over)) this.#finish({ name: 'ended', since: Date.now(), reason: over });
      }
      this.#access = undefined;
      this.#told = true;
    }
    // If the server refuses a renewed token as well, its signing secret has changed; the connection can't be resumed.
    if (code === closeForbidden && this.#access) {
      if (++this.#forbidden > 1) this.#access = undefined;
      else this.#access.stale = true;
      this.#told = this.#forbidden === 1;
    }
    if (failed) return failed;
    return new ChattokError('NETWORK', reason || `the WebSocket to ${this.endpoint.href} closed or did not open (${code})`);
  }

  async #wait(cause: ChattokError | undefined): Promise<void> {
    const attempt = ++this.#attempt;
    const hurry = this.#told && !this.#hurried;
    const awake = Date.now() - this.#awakeAt < wakeLasts;
    const limited = cause?.retryAfterMs ?? 0;
    const pause = this.#away ? Infinity : limited + (hurry || (awake && !limited) ? 0 : pauseBefore(attempt));
    this.#told = false;
    this.#awakeAt = 0;
    this.#hurried ||= hurry;
    const error = cause && { error: cause };
    const since = this.#lostSince;
    const retryAt = Date.now() + pause;
    if (since === undefined) this.#say({ name: 'connecting', since: this.state.since, attempt: attempt + 1, retryAt, ...error });
    else this.#say({ name: 'reconnecting', since, attempt, retryAt, ...error });
    await this.#pause.wait(pause);
    while (this.#away && !this.#over) await this.#pause.wait(Infinity);
  }

  /** Leaves with a `keepalive` request, which the browser completes after the page is gone. */
  #hide(): void {
    if (this.#over) return;
    this.#away = true;
    if (this.#access) {
      void post(this.endpoint, disconnectDocument, {}, { accessToken: this.#access.token, keepalive: true }).catch(() => {});
      this.#access = undefined;
    }
    (this.link ?? this.#opening)?.close();
  }

  #refuse(error: ChattokError): void {
    this.#finish({ name: 'refused', since: Date.now(), error });
  }

  #finish(state: SessionState, closing = true): void {
    this.#over = true;
    clearTimeout(this.#renewal);
    this.#unwatch();
    this.#diagnosis.end();
    const link = this.link ?? this.#opening;
    this.#say(state);
    if (closing) link?.close();
    this.#pause.wake();
  }

  #say(state: SessionState): void {
    this.state = state;
    this.#hooks.state(state);
  }
}
