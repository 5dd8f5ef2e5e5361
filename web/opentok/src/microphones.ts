// Replaces a publisher's microphone that was unplugged by the browser's default, and returns to it when it is plugged in again.

/** The part of a publisher that Microphones works on. */
interface Publishing {
  /** The id of the microphone in use; undefined where the page passed a track, or there is no microphone. */
  current(): string | undefined;
  /** Switches to another microphone. */
  use(deviceId: string): Promise<void>;
}

export class Microphones {
  readonly #publishing: Publishing;
  #lost: string | undefined;
  readonly #changed = (): void => void this.#back();

  constructor(publishing: Publishing) {
    this.#publishing = publishing;
    navigator.mediaDevices?.addEventListener('devicechange', this.#changed);
  }

  close(): void {
    navigator.mediaDevices?.removeEventListener('devicechange', this.#changed);
  }

  /** Call it when the microphone in use has ended. Resolves with whether another one has taken its place. */
  async replace(): Promise<boolean> {
    const gone = this.#publishing.current();
    if (gone === undefined) return false;
    try {
      await this.#publishing.use('default');
    } catch {
      return false;
    }
    this.#lost ??= gone;
    return true;
  }

  async #back(): Promise<void> {
    const wanted = this.#lost;
    if (wanted === undefined) return;
    const found = await navigator.mediaDevices.enumerateDevices();
    if (this.#lost !== wanted || !found.some(({ kind, deviceId }) => kind === 'audioinput' && deviceId === wanted)) return;
    this.#lost = undefined;
    if (this.#publishing.current() !== wanted) await this.#publishing.use(wanted).catch(() => {}); // unplugged again meanwhile
  }

  /** Call it when the page has chosen a microphone itself: there is none to return to then. */
  chosen(): void {
    this.#lost = undefined;
  }
}
