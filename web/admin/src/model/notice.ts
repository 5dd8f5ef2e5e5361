// A notice: one text, posted as a bot to one session or to all in which somebody is.
import { signal } from '@preact/signals';
import type { ChattokError } from '../../../sdk/src/errors.ts';
import { openSessionsDocument, postDocument, type OpenSessionsQuery } from '../generated/operations.ts';
import { run, state } from './api.ts';
import { inWords } from './words.ts';

/** Posts that are under way at once: they share commits, and leave room for everybody else's. */
const atOnce = 8;

/** Returns the ids of all sessions in which somebody is now. */
export async function openSessions(prefix: string): Promise<string[]> {
  const open: string[] = [];
  for (let after: string | null = null; ; ) {
    const { sessions }: OpenSessionsQuery = await run(openSessionsDocument, { after, prefix });
    for (const { id, connectionCount } of sessions.nodes) if (connectionCount > 0) open.push(id);
    if (!sessions.pageInfo.hasNextPage) return open;
    after = sessions.pageInfo.endCursor;
  }
}

export class Posting {
  readonly done = signal(0);
  /** The sessions that did not get it, with the reason. */
  readonly failed = signal<readonly { readonly session: string; readonly why: string }[]>([]);
  readonly over = signal(false);
  readonly sessions: readonly string[];
  readonly #body: string;
  readonly #name: string;
  // The same in each try, so that a session whose answer was lost does not get the notice twice.
  readonly #key = `notice-${crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, '0')).join('')}`;
  #stopped = false;

  constructor(sessions: readonly string[], name: string, body: string) {
    this.sessions = sessions;
    this.#name = name;
    this.#body = body;
    void this.#run(sessions);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Tries the sessions again that did not get it. */
  again(): void {
    const sessions = this.failed.value.map(({ session }) => session);
    this.failed.value = [];
    this.#stopped = false;
    this.over.value = false;
    void this.#run(sessions);
  }

  async #run(sessions: readonly string[]): Promise<void> {
    const left = [...sessions];
    const work = async (): Promise<void> => {
      for (let session = left.shift(); session !== undefined; session = left.shift()) {
        if (this.#stopped) this.#fail(session, 'Stopped before its turn.');
        else await this.#post(session);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    this.over.value = true;
  }

  async #post(session: string): Promise<void> {
    while (!this.#stopped) {
      try {
        await run(postDocument, { sessionId: session, body: this.#body, name: this.#name, key: this.#key });
        this.done.value++;
        return;
      } catch (cause) {
        if ((cause as ChattokError).code !== 'NETWORK') return this.#fail(session, inWords(cause));
        if (!(await back())) return this.#fail(session, 'You signed out before its turn.');
      }
    }
    this.#fail(session, 'Stopped before its turn.');
  }

  #fail(session: string, why: string): void {
    this.failed.value = [...this.failed.value, { session, why }];
  }
}

/** Resolves when the server is back; false where the page has signed out. */
function back(): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = state.subscribe(({ name }) => {
      if (name === 'away' || name === 'checking') return;
      resolve(name === 'live');
      queueMicrotask(() => stop());
    });
  });
}
