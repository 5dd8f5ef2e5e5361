// Detects who is speaking by sampling the audio level of all subscriptions.
import { signal } from '@preact/signals';
import type { Session } from '@chattok/sdk';

const interval = 200; // milliseconds
const loud = 0.04; // on a scale of 0 to 1
/** Milliseconds after the last loud sample during which a stream still counts as speaking, to bridge pauses. */
const hold = 900;
/** Milliseconds that another stream must be the loudest before it replaces the main speaker. */
const takeover = 1_600;

/** Tracks the streams that are speaking, and the main speaker. */
export class Speakers {
  readonly speaking = signal<ReadonlySet<string>>(new Set());
  /** Id of the main speaker's stream: the last one to speak for long enough. */
  readonly main = signal<string | undefined>(undefined);
  readonly #session: Session;
  readonly #timer;
  readonly #lastLoud = new Map<string, number>();
  #candidate: { id: string; since: number } | undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#timer = setInterval(() => this.#listen(Date.now()), interval);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #listen(now: number): void {
    let loudest = { id: '', level: loud };
    const present = new Set<string>();
    for (const subscription of this.#session.store.get().subscriptions) {
      const { id, hasAudio } = subscription.stream;
      present.add(id);
      const level = hasAudio && subscription.state === 'live' ? subscription.audioLevel() : 0;
      if (level >= loud) this.#lastLoud.set(id, now);
      if (level > loudest.level) loudest = { id, level };
    }
    for (const id of this.#lastLoud.keys()) if (!present.has(id)) this.#lastLoud.delete(id);
    this.#setSpeaking(now);
    this.#setMain(loudest.id, present, now);
  }

  #setSpeaking(now: number): void {
    const next = new Set<string>();
    for (const [id, time] of this.#lastLoud) if (now - time < hold) next.add(id);
    const before = this.speaking.value;
    if (next.size !== before.size || [...next].some((id) => !before.has(id))) this.speaking.value = next;
  }

  #setMain(loudest: string, present: ReadonlySet<string>, now: number): void {
    const main = this.main.value;
    if (main !== undefined && !present.has(main)) this.main.value = undefined;
    if (loudest === '' || loudest === main) {
      if (loudest === main) this.#candidate = undefined;
      return;
    }
    if (main !== undefined && this.speaking.value.has(main)) {
      this.#candidate = undefined; // the main speaker is still speaking
      return;
    }
    if (this.#candidate?.id !== loudest) this.#candidate = { id: loudest, since: now };
    if (main === undefined || now - this.#candidate.since >= takeover) this.main.value = loudest;
  }
}
