// One session, from joining to leaving, as signals that the views read.
import { batch, computed, signal, type ReadonlySignal } from '@preact/signals';
import { open, type Connection, type DisconnectReason, type Session, type Snapshot } from '@chattok/sdk';
import { cleanName } from '../text/limits';
import { mute } from './local';
import { notify } from './notices';
import { Publishing } from './publishing';
import { root } from './route';
import { Speakers } from './speakers';
import { ownConnections, rememberConnection, rememberSession } from './storage';
import { Typing } from './typing';
import { Unread } from './unread';

/** Entries of the log that are there as one enters. */
const firstPage = 50;

/** How many people make a crowd. */
const crowd = 25;

/** How one joins. */
export interface Joining {
  readonly session: string;
  readonly name: string;
  readonly token: string | undefined;
}

/** A session that this page is in, or on its way into. */
export class Meeting {
  /** The session's id. */
  readonly id: string;
  readonly session: Session;
  readonly unread = new Unread();
  readonly typing: Typing;
  readonly publishing: Publishing;
  readonly speakers: Speakers;
  /** Connections of this browser, now and before. */
  readonly own = signal<ReadonlySet<string>>(new Set());
  readonly #snapshot;
  readonly #ends: (() => void)[];

  constructor(joining: Joining) {
    this.id = joining.session;
    this.session = open({
      url: new URL(root, location.href),
      session: joining.session,
      data: joining.name,
      history: firstPage,
      ...(joining.token !== undefined && { token: joining.token }),
    });
    this.own.value = ownConnections(joining.session);
    const { store } = this.session;
    this.#snapshot = signal(store.get());
    this.typing = new Typing(this.session);
    this.publishing = new Publishing(this.session, this.pick('connection'), this.pick('publications'));
    this.speakers = new Speakers(this.session);
    this.#ends = [
      store.subscribe((snapshot) => {
        this.#snapshot.value = snapshot;
      }),
      this.session.on('entry', (entry) => this.unread.add(entry, this.own.value.has(entry.connectionId))),
      this.session.on('connectionCreated', (connection) => this.#announce(`${nameOf(connection)} joined`)),
      this.session.on('connectionDestroyed', ({ connection, reason }) => this.#left(connection, reason)),
      this.session.on('muteForced', () => {
        mute();
        notify('A moderator muted you');
      }),
      this.session.on('error', (error) => console.warn('session', error.code, error)),
      this.session.on('logReset', () => notify('The server’s history began anew', 'fault')),
      this.pick('connection').subscribe((connection) => {
        if (connection !== undefined) this.own.value = rememberConnection(this.id, connection.id);
      }),
    ];
    void this.session.ready.then(
      () => rememberSession(this.id),
      () => {}, // the state says why
    );
  }

  /** One member of the SDK's snapshot; it changes when that does. */
  pick<Key extends keyof Snapshot>(key: Key): ReadonlySignal<Snapshot[Key]> {
    return (this.#picked[key] ??= computed(() => this.#snapshot.value[key])) as ReadonlySignal<Snapshot[Key]>;
  }
  readonly #picked: Partial<Record<keyof Snapshot, ReadonlySignal<unknown>>> = {};

  readonly state = this.pick('state');
  readonly connections = this.pick('connections');
  readonly entries = this.pick('entries');

  /** Whether one may post and publish. */
  readonly canPublish = computed(() => this.pick('connection').value?.role !== 'SUBSCRIBER');
  readonly isModerator = computed(() => this.pick('connection').value?.role === 'MODERATOR');

  isSelf(connection: Connection): boolean {
    return connection.id === this.pick('connection').value?.id;
  }

  /** Leaves for good; the view is told by the state. */
  async leave(): Promise<void> {
    await this.session.disconnect().catch(() => {}); // one is gone either way
  }

  /** Lets go of everything; the session itself must have ended, or be left first. */
  end(): void {
    batch(() => {
      for (const end of this.#ends) end();
      this.typing.end();
      this.unread.end();
      this.publishing.end();
      this.speakers.end();
    });
  }

  #left(connection: Connection, reason: DisconnectReason = 'clientDisconnected'): void {
    if (!this.isSelf(connection)) this.#announce(`${nameOf(connection)} ${leaving[reason] ?? 'left'}`);
  }

  /** In a crowd somebody comes and goes all the time. */
  #announce(text: string): void {
    if (this.pick('connectionCount').peek() <= crowd) notify(text);
  }
}

/** How a connection ends; the other reasons are of streams. */
const leaving: Partial<Record<DisconnectReason, string>> = {
  clientDisconnected: 'left',
  networkDisconnected: 'lost the connection',
  forceDisconnected: 'was removed by a moderator',
};

/** What a person is called: what they said of themselves, or else a piece of the connection's id. */
export function nameOf(connection: Connection): string {
  const name = cleanName(connection.data ?? '');
  return name === '' ? `Guest ${connection.id.slice(0, 6)}` : name;
}

/** Runs what a moderator or the person asked for, and says what went wrong. */
export async function attempt(what: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    notify(`${what}: ${error instanceof Error ? error.message : 'it failed'}`, 'fault');
  }
}
