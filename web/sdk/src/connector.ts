// Gets and keeps a connection: admission, sockets one after another, and in between the pauses.
import { asError, post } from './api.ts';
import { ChattokError, type ErrorCode } from './errors.ts';
import {
  connectDocument,
  disconnectDocument,
  renewAccessDocument,
  type ConnectMutation,
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
  readonly #unwatch: () => void;
  #access: { token: string; renewAt: number; stale: boolean } | undefined;
  #opening: Link | undefined;
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
    while (!this.#over) {
      let cause: ChattokError | undefined;
      try {
        await this.#admit();
        cause = this.#judge(await this.#serve());
      } catch (error) {
        cause = asError(error);
        if (final.has(cause.code)) this.#finish({ name: 'refused', since: Date.now(), error: cause });
      }
      if (!this.#over) await this.#wait(cause);
    }
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
        ? link.run(disconnectDocument, {})
        : post(this.endpoint, disconnectDocument, {}, { accessToken: access.token, keepalive: true });
      await Promise.race([said.catch(() => {}), late]); // where it can't be said, the grace time ends it
    }
    link?.close();
  }

  /** Tries at once where a pause is under way, and asks a socket that is there for a sign of life. */
  wake(): void {
    this.#pause.wake();
    this.link?.check();
  }

  /** Gives up the socket, whose subscriptions failed; the next one is opened after a pause. */
  fail(error: ChattokError): void {
    (this.link ?? this.#opening)?.close(error.message);
  }

  /** Makes sure that there is an access token that a socket will be opened with. */
  async #admit(): Promise<void> {
    if (this.#access && (this.#access.stale || this.#access.renewAt <= Date.now())) await this.#renewByPost();
    if (this.#access || this.#over) return;
    const { token, session, data } = this.#options;
    const raw = typeof token === 'function' ? await fetched(token) : token;
    const { connect } = await post(this.endpoint, connectDocument, {
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
      const accessToken = this.#access?.token;
      this.#keep((await post(this.endpoint, renewAccessDocument, {}, { accessToken })).renewAccess);
    } catch (error) {
      if (asError(error).code !== 'UNAUTHENTICATED') throw error;
      this.#access = undefined; // the connection has ended meanwhile: another one
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
    const link = new Link(this.endpoint, this.#access.token);
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
    return new ChattokError('NETWORK', reason || `the connection was lost (close code ${code})`);
  }

  async #wait(cause: ChattokError | undefined): Promise<void> {
    const attempt = ++this.#attempt;
    const hurry = this.#told && !this.#hurried;
    const pause = this.#away ? Infinity : hurry ? 0 : pauseBefore(attempt);
    this.#told = false;
    this.#hurried ||= hurry;
    const error = cause && { error: cause };
    const since = this.#lostSince;
    if (since === undefined) this.#say({ name: 'connecting', since: this.state.since, attempt: attempt + 1, ...error });
    else this.#say({ name: 'reconnecting', since, attempt, retryAt: Date.now() + pause, ...error });
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

  #finish(state: SessionState, closing = true): void {
    this.#over = true;
    clearTimeout(this.#renewal);
    this.#unwatch();
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

/** Asks the page for a session token; that it has none now may pass. */
async function fetched(token: () => string | Promise<string>): Promise<string> {
  try {
    return await token();
  } catch (cause) {
    throw new ChattokError('NETWORK', 'the session token could not be fetched', { cause });
  }
}
