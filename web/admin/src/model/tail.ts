// Rows of the events of one session, or of all, which come while one looks. A tail keeps its place over an outage: it goes on
// after the last cursor that it has.
import { batch, signal } from '@preact/signals';
import type { ChattokError } from '../../../sdk/src/errors.ts';
import type { Link } from '../../../sdk/src/link.ts';
import {
  checkDocument,
  feedDocument,
  logDocument,
  logEndDocument,
  type FeedSubscription,
  type LogEndQuery,
} from '../generated/operations.ts';
import { follow } from './api.ts';
import { nameOf } from './format.ts';
import { inWords } from './words.ts';

export type Entry = LogEndQuery['chatEntries']['nodes'][number];

/** A line of a tail: an entry, or a text about something else. */
export interface Row {
  readonly key: string;
  readonly session: string;
  readonly at: string;
  readonly entry?: Entry;
  readonly text?: string;
}

/** How many rows are shown, and how many wait at most while the tail is held. */
export const mostRows = 200;

/** Rows are shown together, so many milliseconds apart: a browser draws a hundred rows as fast as one. */
const gather = 150;

/** The notice for entries that retention has removed. */
const removed = 'Older entries are no longer kept';

export type TailState = 'loading' | 'live' | 'away' | 'over';

export class Tail {
  readonly rows = signal<readonly Row[]>([]);
  readonly state = signal<TailState>('loading');
  /** Why it is over. */
  readonly problem = signal('');
  /** Held rows stay where they are, so that a press meets what it was meant for. */
  readonly held = signal(false);
  /** How many rows came since it is held. */
  readonly waiting = signal(0);
  readonly #session: string | undefined;
  readonly #prefix: string;
  readonly #line: { close(): void; renew(): void };
  #cursor: string | undefined;
  #came: Row[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #notes = 0;

  /** Follows one session, or without one all whose ids begin with the prefix. */
  constructor(session: string | undefined, prefix = '') {
    this.#session = session;
    this.#prefix = prefix;
    this.#line = follow({ opened: (link) => this.#open(link), lost: () => this.#lost() });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#line.close();
  }

  hold(held: boolean): void {
    if (held === this.held.peek()) return;
    this.held.value = held;
    if (!held) this.#show();
  }

  async #open(link: Link): Promise<void> {
    const session = this.#session;
    if (session === undefined) {
      link.follow(feedDocument, ({ feed }) => this.#hear(feed), () => ({ after: this.#cursor, prefix: this.#prefix }), (error) => this.#ended(error));
    } else {
      if (this.#cursor === undefined) {
        try {
          const { chatEntries } = await link.run(logEndDocument, { sessionId: session });
          this.#cursor = chatEntries.lastCursor;
          for (const entry of chatEntries.nodes) this.#take(session, entry, true);
        } catch (error) {
          this.#ended(error as ChattokError);
          throw error;
        }
      }
      link.follow(
        logDocument,
        ({ logEvents: event }) => {
          if (event.__typename === 'LogTruncated') {
            this.#cursor = event.to;
            return this.#add({ text: removed });
          }
          this.#cursor = event.cursor;
          this.#take(session, event.entry, event.__typename === 'EntryAdded');
        },
        () => ({ sessionId: session, after: this.#cursor ?? '0' }),
        (error) => this.#ended(error),
      );
    }
    await link.once(checkDocument, {}); // operations are begun in their order: the subscription is there when this is answered
    if (this.state.peek() === 'away' && this.#cursor === undefined) {
      this.#add({ text: 'The connection was lost before anything came; what happened meanwhile is not here.' });
    }
    this.state.value = 'live';
  }

  #lost(): void {
    if (this.state.peek() === 'live') this.state.value = 'away';
  }

  /** The server has ended the subscription. */
  #ended(error: ChattokError): void {
    if (error.code === 'NETWORK') return; // the line opens another WebSocket
    if (error.reason === 'CURSOR_MISMATCH') {
      // The database is another one: its log is read anew.
      this.#cursor = undefined;
      batch(() => {
        this.rows.value = [];
        this.#came = [];
      });
      this.#add({ text: 'The database was put back. What was here before is not in it.' });
      return this.#line.renew();
    }
    if (error.code === 'UNAVAILABLE') return this.#line.renew();
    this.problem.value = inWords(error);
    this.state.value = 'over';
    this.close();
    this.#show();
  }

  #hear({ id, cursor, sessionId, at, event }: FeedSubscription['feed']): void {
    this.#cursor = cursor;
    const tell = (text: string): void => this.#add({ key: id, session: sessionId, at, text });
    switch (event.__typename) {
      case 'EntryAdded':
      case 'EntryChanged':
        return this.#take(sessionId, event.entry, event.__typename === 'EntryAdded');
      case 'ConnectionCreated':
        return tell(`${nameOf(event.connection)} came`);
      case 'ConnectionDestroyed':
        return tell(`${nameOf(event.connection)} left${left[event.reason] ?? ''}`);
      case 'SessionCreated':
        return tell('The session was made');
      case 'SessionDeleted':
        return tell('The session was deleted');
      case 'UserErased':
        return tell('A user was erased');
      case 'LogTruncated':
        return tell(removed);
      case 'FeedTruncated':
        return tell(`Comings and goings are kept for ${event.keptDays} days; older ones may be missing`);
    }
  }

  /** Takes an entry: as a new row, or in place of an older version of it, at once also while the tail is held. */
  #take(session: string, entry: Entry, isNew: boolean): void {
    const older = (row: Row): boolean => row.entry?.id === entry.id;
    const renewed = (row: Row): Row => (older(row) && row.entry!.version < entry.version ? { ...row, entry } : row);
    if (this.#came.some(older)) this.#came = this.#came.map(renewed);
    else if (!isNew || this.rows.peek().some(older)) {
      if (this.rows.peek().some(older)) this.rows.value = this.rows.peek().map(renewed);
    } else this.#add({ key: entry.id, session, at: entry.createdAt, entry });
  }

  #add(row: Partial<Row>): void {
    this.#came.push({ key: `note-${++this.#notes}`, session: '', at: new Date().toISOString(), ...row });
    if (this.#came.length > mostRows * 2) this.#came = this.#came.slice(-mostRows);
    if (this.held.peek()) {
      this.waiting.value++;
      return;
    }
    this.#timer ??= setTimeout(() => this.#show(), gather);
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.held.peek()) {
      this.waiting.value = this.#came.length;
      return;
    }
    const came = this.#came;
    this.#came = [];
    batch(() => {
      this.waiting.value = 0;
      if (came.length > 0) this.rows.value = [...this.rows.peek(), ...came].slice(-mostRows);
    });
  }
}

const left: Partial<Record<string, string>> = {
  forceDisconnected: ': it was disconnected by a moderator',
  networkDisconnected: ': it did not come back',
};
