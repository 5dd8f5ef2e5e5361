// Raised hands and reactions, sent as signals. The server does not store signals, so each page with a raised hand repeats it
// for newcomers. When a connection ends, its hand is lowered.
import { signal } from '@preact/signals';
import type { Session } from '@chattok/sdk';

const handType = 'chattok.hand'; // data: `up` or `down`, or `ask` to request the present state
const reactionType = 'chattok.reaction'; // data: one of `reactions`

/** The available reactions, with their names. */
export const reactions: readonly (readonly [emoji: string, name: string])[] = [
  ['👍', 'Thumbs up'],
  ['👏', 'Applause'],
  ['❤️', 'Heart'],
  ['😂', 'Laughing'],
  ['🎉', 'Party'],
  ['😮', 'Surprised'],
];

const known = new Set(reactions.map(([emoji]) => emoji));
const shownFor = 4_000; // milliseconds
const limit = 30; // maximum number of reactions on the screen

export interface Reaction {
  readonly id: number;
  readonly connectionId: string;
  readonly emoji: string;
}

export class Gestures {
  /** Ids of the connections with raised hands, in the order of raising. */
  readonly hands = signal<readonly string[]>([]);
  readonly raised = signal(false);
  readonly shown = signal<readonly Reaction[]>([]);
  readonly #session: Session;
  readonly #ends: (() => void)[];
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #last = 0;
  #wasLive = false;

  constructor(session: Session) {
    this.#session = session;
    this.#ends = [
      session.on('signal', ({ type, data, fromConnectionId }) => {
        if (fromConnectionId === null || data === null) return;
        if (type === handType) this.#hand(fromConnectionId, data);
        else if (type === reactionType && known.has(data)) this.#show(fromConnectionId, data);
      }),
      session.on('connectionCreated', ({ id }) => {
        if (this.raised.peek()) this.#send(handType, 'up', id);
      }),
      session.on('connectionDestroyed', ({ connection }) => this.#lower(connection.id)),
      session.on('state', ({ name }) => {
        if (name !== 'live') return;
        // Signals sent while this page was offline are lost, so it asks the others and repeats its own state.
        if (this.#wasLive) {
          this.hands.value = [];
          this.#send(handType, 'ask');
          if (this.raised.peek()) this.#send(handType, 'up');
        }
        this.#wasLive = true;
      }),
    ];
  }

  raise(up: boolean): void {
    this.raised.value = up;
    this.#send(handType, up ? 'up' : 'down');
  }

  react(emoji: string): void {
    this.#send(reactionType, emoji);
  }

  end(): void {
    for (const end of this.#ends) end();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #hand(from: string, data: string): void {
    const self = from === this.#session.store.get().connection?.id;
    if (data === 'ask') {
      if (!self && this.raised.peek()) this.#send(handType, 'up', from);
    } else if (data === 'up') {
      if (!this.hands.peek().includes(from)) this.hands.value = [...this.hands.peek(), from];
    } else {
      this.#lower(from);
    }
  }

  #lower(id: string): void {
    if (this.hands.peek().includes(id)) this.hands.value = this.hands.peek().filter((other) => other !== id);
  }

  #show(connectionId: string, emoji: string): void {
    const reaction: Reaction = { id: ++this.#last, connectionId, emoji };
    this.shown.value = [...this.shown.peek().slice(1 - limit), reaction];
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.shown.value = this.shown.peek().filter((other) => other !== reaction);
    }, shownFor);
    this.#timers.add(timer);
  }

  #send(type: string, data: string, to?: string): void {
    // A delayed signal could be outdated; the state is repeated after a reconnect.
    this.#session.signal(type, data, { retryAfterReconnect: false, ...(to !== undefined && { to }) }).catch(() => {});
  }
}
