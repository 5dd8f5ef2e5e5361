// Raised hands and quick reactions, by signals. A raised hand lives with whoever raised it, who tells each newcomer of it,
// so that late comers see it, and it is gone with him.
import { signal } from '@preact/signals';
import type { Session } from '@chattok/sdk';

const handType = 'chattok.hand'; // data: `up`, `down`, or `ask` of one who may have missed some
const reactionType = 'chattok.reaction'; // data: one of `reactions`

/** What one may say over the video, with a name for each. */
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
const limit = 30; // at once; a crowd that claps is heard without each pair of hands

/** A reaction that is on the screen. */
export interface Reaction {
  readonly id: number;
  readonly connectionId: string;
  readonly emoji: string;
}

export class Gestures {
  /** The connections whose hands are up, in the order in which they rose. */
  readonly hands = signal<readonly string[]>([]);
  /** Whether one's own is. */
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
        // What was sent while this page was away is lost: it says and asks again.
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
    // Late it would be wrong, and is said again when the session is live.
    this.#session.signal(type, data, { retryAfterReconnect: false, ...(to !== undefined && { to }) }).catch(() => {});
  }
}
