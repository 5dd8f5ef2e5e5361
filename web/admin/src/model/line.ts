// Keeps one WebSocket to the server open, by the SDK's link, until it is closed or the server refuses the secret.
import { Link } from '../../../sdk/src/link.ts';
import { Pause, pauseBefore } from '../../../sdk/src/pause.ts';

/** Close codes by which the server refuses the secret; see graph/transport/websocket_close.go. */
const closeUnauthorized = 4401;
const closeForbidden = 4403;

/** How long a WebSocket must have been live, in milliseconds, for the next pause to be a short one again. */
const stableAfter = 10_000;

export interface LineHooks {
  /** A WebSocket is being opened. Resolves when it is live; rejects where it is of no use, and it is then closed. */
  opened(link: Link): Promise<void>;
  /** The WebSocket has closed, or could not be opened; another one will be. */
  lost(): void;
  /** The server refuses the secret. No further WebSocket is opened. */
  refused(): void;
}

/** The endpoint of the server that the page came from, also behind a path prefix. */
function endpoint(): URL {
  return new URL('graphql', document.baseURI.split('#')[0]);
}

export class Line {
  readonly #hooks: LineHooks;
  readonly #pause = new Pause();
  #link: Link | undefined;
  #over = false;

  constructor(secret: string, hooks: LineHooks) {
    this.#hooks = hooks;
    addEventListener('online', this.#hurry);
    document.addEventListener('visibilitychange', this.#hurry);
    void this.#run(secret);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    removeEventListener('online', this.#hurry);
    document.removeEventListener('visibilitychange', this.#hurry);
    this.#pause.wake();
    this.#link?.close();
  }

  /** Closes the WebSocket; another one is opened after a pause. */
  renew(): void {
    this.#link?.close('renewed by the page');
  }

  async #run(secret: string): Promise<void> {
    for (let attempt = 1; !this.#over; attempt++) {
      const link = new Link(endpoint(), secret, undefined, { bad: report, failed: report });
      this.#link = link;
      let liveAt = 0;
      this.#hooks.opened(link).then(() => (liveAt = Date.now()), () => link.close());
      const { code } = await link.closed;
      if (this.#over) return;
      if (code === closeUnauthorized || code === closeForbidden) {
        this.close();
        return this.#hooks.refused();
      }
      this.#hooks.lost();
      if (liveAt > 0 && Date.now() - liveAt >= stableAfter) attempt = 1;
      await this.#pause.wait(pauseBefore(attempt));
    }
  }

  /** The network or the page is back: neither a pause nor a dead WebSocket is waited for. */
  readonly #hurry = (): void => {
    if (document.hidden) return;
    if (!this.#pause.wake()) this.#link?.check();
  };
}

function report(error: unknown): void {
  console.warn(error);
}
