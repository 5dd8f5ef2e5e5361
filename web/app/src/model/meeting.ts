// One session, from joining to leaving, as signals that the views read.
import { batch, computed, signal, type ReadonlySignal } from '@preact/signals';
import { open, type Connection, type DisconnectReason, type Session, type Snapshot } from '@chattok/sdk';
import { cleanName } from '../text/limits';
import { inWords } from '../text/refusal';
import { Draft } from './draft';
import { Gestures } from './gestures';
import { askBeforeLeaving } from './leaving';
import { allowSending, mute } from './local';
import { notify } from './notices';
import { Publishing } from './publishing';
import { chatOnly, root } from './route';
import { watchSleep } from './sleep';
import { Speakers } from './speakers';
import { ownConnections, rememberConnection, rememberSession, watchConnections } from './storage';
import { Typing } from './typing';
import { Unread } from './unread';

/** Entries of the log that are there as one enters. */
const firstPage = 50;

/** Milliseconds that a reload takes at most, more or less. */
const reloadTime = 4_000;

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
  readonly draft: Draft;
  readonly gestures: Gestures;
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
      // Without a token the browser's user may come back under another name, and still wants to send what waits.
      persist: joining.token === undefined ? 'page' : true,
      ...(joining.token !== undefined && { token: joining.token }),
    });
    this.own.value = ownConnections(joining.session);
    const { store } = this.session;
    this.#snapshot = signal(store.get());
    this.typing = new Typing(this.session);
    this.draft = new Draft(joining.session);
    this.publishing = new Publishing({
      session: this.session,
      connection: this.pick('connection'),
      publications: this.pick('publications'),
      state: this.state,
    });
    this.speakers = new Speakers(this.session);
    this.gestures = new Gestures(this.session);
    this.#ends = [
      store.subscribe((snapshot) => {
        this.#snapshot.value = snapshot;
      }),
      this.session.on('entry', (entry) => this.unread.add(entry, this.own.value.has(entry.connectionId))),
      this.session.on('connectionCreated', (connection) => this.#came(connection)),
      this.session.on('connectionDestroyed', ({ connection, reason }) => this.#left(connection, reason)),
      this.session.on('muteForced', ({ publication }) => {
        if (!this.publishing.isCamera(publication)) return notify('A moderator muted the sound of your screen');
        mute();
        notify('A moderator muted you');
      }),
      this.session.on('error', (error) => console.warn('session', error.code, error)),
      this.session.on('logReset', () => notify('The server’s history began anew', 'fault')),
      this.pick('connection').subscribe((connection) => {
        if (connection === undefined) return;
        this.own.value = rememberConnection(this.id, connection.id);
        allowSending(connection.role !== 'SUBSCRIBER' && !chatOnly);
      }),
      watchConnections(this.id, () => {
        this.own.value = ownConnections(this.id);
      }),
      watchSleep(() => this.session.wake()),
      askBeforeLeaving(
        computed(
          () =>
            this.pick('pending').value.length > 0 ||
            this.publishing.screen.value !== undefined ||
            this.draft.text.value.trim() !== '',
        ),
      ),
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

  /** Whether a stream comes from this browser: another tab's sound would be heard as an echo. */
  isOwn(connection: Connection): boolean {
    return this.own.value.has(connection.id);
  }

  /** Mutes everybody but the moderator, wherever he is in the session. */
  async muteOthers(): Promise<void> {
    const { streams, publications, connection } = this.session.store.get();
    const mine = streams.filter((stream) => this.isOwn(stream.connection) || isSamePerson(stream.connection, connection));
    const except = [...publications.map(({ stream }) => stream), ...mine].map(({ id }) => id);
    await attempt('They can’t be muted', () => this.session.forceMute(undefined, { except }));
  }

  /** Leaves for good; the view is told by the state. */
  async leave(): Promise<void> {
    await this.session.disconnect().catch(() => {}); // one is gone either way
  }

  /** Lets go of everything; the session itself must have ended, or be left first. */
  end(): void {
    batch(() => {
      for (const end of this.#ends) end();
      for (const timer of this.#leaving.values()) clearTimeout(timer);
      this.typing.end();
      this.unread.end();
      this.publishing.end();
      this.speakers.end();
      this.gestures.end();
    });
  }

  /** People who left a moment ago, by name: who reloads a page comes back at once, which is no news. */
  readonly #leaving = new Map<string, ReturnType<typeof setTimeout>>();

  #came(connection: Connection): void {
    const name = nameOf(connection);
    const leaving = this.#leaving.get(name);
    if (leaving === undefined) return this.#announce(`${name} joined`);
    clearTimeout(leaving);
    this.#leaving.delete(name);
  }

  #left(connection: Connection, reason: DisconnectReason = 'clientDisconnected'): void {
    if (this.isSelf(connection)) return;
    const name = nameOf(connection);
    const tell = (): void => {
      this.#leaving.delete(name);
      const back = this.connections.peek().some((other) => other.id !== connection.id && nameOf(other) === name);
      if (!back) this.#announce(`${name} ${leaving[reason] ?? 'left'}`);
    };
    if (reason === 'forceDisconnected') return this.#announce(`${name} ${leaving[reason]}`);
    clearTimeout(this.#leaving.get(name));
    this.#leaving.set(name, setTimeout(tell, reloadTime));
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

/** Whether two connections are one moderator: a backend that gives the role gives the name. */
function isSamePerson(one: Connection, other: Connection | undefined): boolean {
  return one.role === 'MODERATOR' && other?.role === 'MODERATOR' && one.data !== null && one.data === other.data;
}

/** Runs what a moderator or the person asked for, and says what went wrong. */
export async function attempt(what: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    notify(`${what}: ${inWords(error)}`, 'fault');
  }
}
