// A session from joining to leaving, with its state as signals for the views.
import { batch, computed, signal, type ReadonlySignal } from '@preact/signals';
import { open, type ChatEntry, type Connection, type DisconnectReason, type Session, type Snapshot } from '@chattok/sdk';
import { cleanName } from '../text/limits';
import { inWords } from '../text/refusal';
import { Draft } from './draft';
import { Gestures } from './gestures';
import { invitationTo } from './invitation';
import { askBeforeLeaving } from './leaving';
import { allowSending, mute } from './local';
import { notify } from './notices';
import { Publishing } from './publishing';
import { chatOnly, root } from './route';
import { watchSleep } from './sleep';
import { Speakers } from './speakers';
import { choose, ownConnections, rememberConnection, rememberSession, watchConnections } from './storage';
import { Unread } from './unread';

/** Number of entries loaded when joining. */
const firstPage = 50;

/** Typical upper bound of a page reload, in milliseconds. */
const reloadTime = 4_000;

/** Number of people above which joining and leaving is not announced. */
const crowd = 25;

/** Number of connections, also of those who left, above which the list of those who left is dropped. */
const peopleLimit = 5_000;

export interface Joining {
  readonly session: string;
  readonly name: string;
  readonly token: string | undefined;
}

/** A session that this page has joined or is joining. */
export class Meeting {
  readonly id: string;
  readonly session: Session;
  /** The user's name, under which a reload joins again. */
  name: string;
  /** Whether the user may change the name; an invitation's name is fixed. */
  readonly canRename: boolean;
  readonly unread: Unread;
  readonly publishing: Publishing;
  readonly speakers: Speakers;
  readonly draft: Draft;
  readonly gestures: Gestures;
  /** Ids of this browser's connections to the session, present and past. */
  readonly own = signal<ReadonlySet<string>>(new Set());
  readonly #snapshot;
  readonly #ends: (() => void)[];

  constructor(joining: Joining) {
    this.id = joining.session;
    this.name = joining.name;
    this.canRename = invitationTo(joining.session)?.name === undefined;
    this.session = open({
      url: new URL(root, location.href),
      session: joining.session,
      data: joining.name,
      history: firstPage,
      // Without a token the user may return under another name, so unsent posts belong to the browser, not to the name.
      persist: joining.token === undefined ? 'page' : true,
      ...(joining.token !== undefined && { token: joining.token }),
    });
    this.own.value = ownConnections(joining.session);
    const { store } = this.session;
    this.#snapshot = signal(store.get());
    this.unread = new Unread({
      snapshot: this.#snapshot,
      returning: this.own.peek().size > 0,
      markRead: () => void this.session.markRead().catch(() => {}), // a later one counts for this one too
    });
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
      this.session.on('entry', (entry) => this.unread.add(entry, this.isMine(entry))),
      this.session.on('changeRefused', ({ change, error }) => {
        const what = refused[change.kind];
        if (change.kind === 'edit' && change.body !== undefined) this.draft.restore(change.body);
        if (what !== undefined) notify(`${what}: ${inWords(error)}`, 'fault');
      }),
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
      this.connections.subscribe((list) => {
        if (this.#people.size > peopleLimit) this.#people.clear();
        for (const connection of list) this.#people.set(connection.id, connection);
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
            this.draft.unsent.value.trim() !== '' ||
            this.draft.edit.value !== undefined,
        ),
      ),
    ];
    void this.session.ready.then(
      () => rememberSession(this.id),
      () => {}, // the state reports the error
    );
  }

  /** Changes the user's name for everybody. Returns whether that succeeded; a failure is shown as a notice. */
  async rename(name: string): Promise<boolean> {
    let done = false;
    await attempt('Your name stays as it was', async () => {
      await this.session.setData(name);
      this.name = name;
      choose({ name });
      done = true;
    });
    return done;
  }

  /** Returns one member of the SDK's snapshot as a signal. */
  pick<Key extends keyof Snapshot>(key: Key): ReadonlySignal<Snapshot[Key]> {
    return (this.#picked[key] ??= computed(() => this.#snapshot.value[key])) as ReadonlySignal<Snapshot[Key]>;
  }
  readonly #picked: Partial<Record<keyof Snapshot, ReadonlySignal<unknown>>> = {};

  readonly state = this.pick('state');
  readonly connections = this.pick('connections');
  readonly entries = this.pick('entries');

  /** Whether the user may post and publish. */
  readonly canPublish = computed(() => this.pick('connection').value?.role !== 'SUBSCRIBER');
  /** Whether the user may post, edit and react now. */
  readonly canWrite = computed(() => this.canPublish.value && (!this.pick('readOnly').value || this.isModerator.value));
  /** Whether the user may see and hear the others. */
  readonly canWatch = computed(() => this.pick('connection').value?.role !== 'PUBLISHER_ONLY');
  readonly isModerator = computed(() => this.pick('connection').value?.role === 'MODERATOR');

  isSelf(connection: Connection): boolean {
    return connection.id === this.pick('connection').value?.id;
  }

  /** Whether a connection belongs to this browser. Sound from another tab of the same browser would be an echo. */
  isOwn(connection: Connection): boolean {
    return this.own.value.has(connection.id);
  }

  /** Returns a connection that is or was in the session while this page was, if it is known. */
  personOf(id: string | null): Connection | undefined {
    return id === null ? undefined : this.#people.get(id);
  }
  readonly #people = new Map<string, Connection>();

  /** Whether an entry is of this user, or of this browser under an earlier name. */
  isMine(entry: ChatEntry): boolean {
    return this.own.value.has(entry.connectionId) || this.session.owns(entry);
  }

  /** Mutes all connections except those of the moderator. */
  async muteOthers(): Promise<void> {
    const { streams, publications, connection } = this.session.store.get();
    const mine = streams.filter((stream) => this.isOwn(stream.connection) || isSamePerson(stream.connection, connection));
    const except = [...publications.map(({ stream }) => stream), ...mine].map(({ id }) => id);
    await attempt('They can’t be muted', () => this.session.forceMute(undefined, { except }));
  }

  /** Leaves the session; views react to the state. */
  async leave(): Promise<void> {
    await this.session.disconnect().catch(() => {}); // the page leaves, whether the server answers or not
  }

  /** Releases all resources. The session must have ended, or `leave` must have been called. */
  end(): void {
    batch(() => {
      for (const end of this.#ends) end();
      for (const timer of this.#leaving.values()) clearTimeout(timer);
      this.unread.end();
      this.publishing.end();
      this.speakers.end();
      this.gestures.end();
    });
  }

  /**
   * Timers for people who have just left, by name. Someone who reloads the page returns within moments; that is not
   * announced.
   */
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

  /** Announces that somebody joined or left, except in large sessions, where it happens all the time. */
  #announce(text: string): void {
    if (this.pick('connectionCount').peek() <= crowd) notify(text);
  }
}

/** The notices of changes that the server refuses. */
const refused: Partial<Record<string, string>> = {
  edit: 'Your message stays as it was',
  remove: 'The message can’t be deleted',
  react: 'Your reaction was not taken',
};

/** Announcements of a connection's end; other reasons apply to streams only. */
const leaving: Partial<Record<DisconnectReason, string>> = {
  clientDisconnected: 'left',
  networkDisconnected: 'lost the connection',
  forceDisconnected: 'was removed by a moderator',
  userErased: 'left',
};

/** Returns a person's display name: their own, or one made from the connection's id. */
export function nameOf(connection: Connection): string {
  const name = cleanName(connection.data ?? '');
  return name === '' ? `Guest ${connection.id.slice(0, 6)}` : name;
}

/**
 * Whether two connections are the same moderator: of the same user or, where they have none, of the same name, which
 * moderators get from a backend.
 */
function isSamePerson(one: Connection, other: Connection | undefined): boolean {
  if (one.userId !== null && one.userId === other?.userId) return true;
  return one.role === 'MODERATOR' && other?.role === 'MODERATOR' && one.data !== null && one.data === other.data;
}

/** Runs an action of the user and shows a notice if it fails. */
export async function attempt(what: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    notify(`${what}: ${inWords(error)}`, 'fault');
  }
}
