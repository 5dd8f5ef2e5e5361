// Gets and keeps a connection: admission, sockets one after another, and in between the pauses.
import { asError, post, unknownToSchema } from './api.ts';
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

/** Milliseconds. */
const stableAfter = 10_000; // live for so long, the pauses begin anew
const longestRenewal = 30 * 60_000; // an access token is renewed at half its time, and at least so often
const shortestRenewal = 60_000; // where this machine's clock makes no sense of the token's end
const farewell = 3_000;
const wakePatience = 1_500; // for a sign of life when somebody looks at the page
const wakeLasts = 5_000; // for so long after that, what failed is tried again without a pause
const tokenPatience = 15_000; // until the page is told that its token function takes its time

/** Close codes of the server that say more than "come back"; see graph/transport/websocket_close.go. */
const closeUnauthorized = 4401;
const closeForbidden = 4403;

/** Answers to `connect` after which another try would get the same. */
const final = new Set<ErrorCode>(['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'BAD_USER_INPUT']);

export type Admission = ConnectMutation['connect'];

export interface ConnectorHooks {
  /** We are a connection now, the first or another one. */
  admitted(admission: Admission): void;
  /** A socket is being opened: begin to follow on it. Resolves when the session is live. */
  opened(link: Link): Promise<void>;
  /** There is no socket any more. */
  lost(): void;
  state(state: SessionState): void;
}

export class Connector {
  readonly endpoint: URL;
  /** The socket, while the session is live. */
  link: Link | undefined;
  state: SessionState = { name: 'connecting', since: Date.now(), attempt: 1 };
  readonly #options: ConnectOptions;
  readonly #hooks: ConnectorHooks;
  readonly #pause = new Pause();
  readonly #diagnosis: Diagnosis;
  readonly #unwatch: () => void;
  #access: { token: string; renewAt: number; stale: boolean } | undefined;
  #opening: Link | undefined;
  #failed: ChattokError | undefined; // why the socket was given up
  #request: { since: number; abort: AbortController } | undefined; // what is asked for by POST before a socket
  #awakeAt = 0;
  #attempt = 0;
  #forbidden = 0; // sockets in a row that were closed with closeForbidden
  #told = false; // the server said what to do about a refused socket, so there is nothing to wait for
  #hurried = false; // that was believed once since the session was live
  #lostSince: number | undefined; // undefined until the session was live once
  #away = false; // the page is in the browser's cache
  #over = false;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(endpoint: URL, options: ConnectOptions, hooks: ConnectorHooks) {
    this.endpoint = endpoint;
    this.#options = options;
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

  /** Works until the session is over; never rejects. */
  async run(): Promise<void> {
    if (this.#options.webSocketImpl === undefined && typeof WebSocket === 'undefined') {
      this.#refuse(
        new ChattokError('MISCONFIGURED', 'there is no WebSocket here', {
          reason: 'NO_WEBSOCKET',
          cure: "pass one, in Node as connect({ webSocketImpl: WebSocket, … }) with `import { WebSocket } from 'ws'`",
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

  /** Finds out why the session never came about: what will not mend itself is final, and the page is told of the rest. */
  async #explain(error: ChattokError): Promise<ChattokError> {
    const cause = await this.#diagnosis.of(error);
    if (this.#over) return cause;
    if (cause.code === 'MISCONFIGURED') this.#refuse(cause);
    else this.#diagnosis.tell(cause);
    return cause;
  }

  /** Leaves: ends the connection at the server too, where that can be reached. */
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
      await Promise.race([said.catch(() => {}), late]); // where it can't be said, the grace time ends it
    }
    link?.close();
  }

  /**
   * Tries at once where a pause is under way, and asks a socket that is there for a sign of life. What is silent, or has been
   * under way for long, is given up, and tried again without a pause.
   */
  wake(): void {
    if (this.#pause.wake()) return;
    this.#awakeAt = Date.now();
    (this.link ?? this.#opening)?.check(wakePatience);
    if (this.#request && Date.now() - this.#request.since > wakePatience) this.#request.abort.abort();
  }

  /** Gives up the socket, whose subscriptions failed; the next one is opened after a pause. */
  fail(error: ChattokError): void {
    this.#failed = !unknownToSchema(error)
      ? error
      : new ChattokError('UNAVAILABLE', `the server is older than this script (${error.message})`, {
          reason: 'OLD_SERVER',
          cure: "update the server, or load the script from the server's own sdk/chattok.js",
        });
    (this.link ?? this.#opening)?.close(error.message);
  }

  /** Makes sure that there is an access token that a socket will be opened with. */
  async #admit(): Promise<void> {
    if (this.#access && (this.#access.stale || this.#access.renewAt <= Date.now())) await this.#renewByPost();
    if (this.#access || this.#over) return;
    const { token, session, data } = this.#options;
    const raw = typeof token === 'function' ? await this.#fetchToken(token) : token;
    if (this.#over) return;
    const { connect } = await this.#ask(connectDocument, {
      ...(raw !== undefined && { token: raw }),
      ...(session !== undefined && { sessionId: session }),
      ...(data !== undefined && { data }),
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
      this.#access = undefined; // the connection has ended meanwhile: another one
    }
  }

  /** Posts what has to be answered before a socket is opened. `wake` gives it up where it takes long. */
  async #ask<Data, Variables>(query: Document<Data, Variables>, variables: Variables, accessToken?: string): Promise<Data> {
    const abort = new AbortController();
    this.#request = { since: Date.now(), abort };
    try {
      return await post(this.endpoint, query, variables, { accessToken, abort });
    } finally {
      this.#request = undefined;
    }
  }

  /** Asks the page for a session token; that it has none now may pass, unless it throws a ChattokError that is final. */
  async #fetchToken(token: () => string | Promise<string>): Promise<string> {
    const slow = setTimeout(() => {
      this.#diagnosis.tell(new ChattokError('NETWORK', 'the token function has not given a token yet', { reason: 'TOKEN' }));
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
    // A socket outlives its token; the token is renewed for what goes by POST, such as the goodbye of a page that closes.
    this.#renewal = setTimeout(() => {
      void this.link?.run(renewAccessDocument, {}).then(
        ({ renewAccess }) => this.#keep(renewAccess),
        () => {}, // tried again before the next socket
      );
    }, half);
  }

  /** Opens a socket and resolves when it has ended. */
  async #serve(): Promise<Closed> {
    if (!this.#access || this.#over) return { code: 1000, reason: '' };
    const link = new Link(this.endpoint, this.#access.token, this.#options.webSocketImpl);
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
    this.#hooks.lost();
    return closed;
  }

  /** What a socket's end means. */
  #judge({ code, reason }: Closed): ChattokError | undefined {
    const failed = this.#failed;
    this.#failed = undefined;
    if (this.#over || this.#away) return undefined;
    if (code === closeUnauthorized) {
      if (reason.includes('forceDisconnected')) {
        this.#finish({ name: 'ended', since: Date.now(), reason: 'forceDisconnected' });
      }
      this.#access = undefined;
      this.#told = true;
    }
    // What is refused twice, a fresh one the second time, is of another secret, and can't be renewed.
    if (code === closeForbidden && this.#access) {
      if (++this.#forbidden > 1) this.#access = undefined;
      else this.#access.stale = true;
      this.#told = this.#forbidden === 1;
    }
    if (failed) return failed;
    if (reason) return new ChattokError('NETWORK', reason);
    return new ChattokError('NETWORK', `the WebSocket to ${this.endpoint.href} was closed or could not be opened (close code ${code})`);
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

  /** Says goodbye in the only way that outlives the page. */
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
