/** Milliseconds between two levels. */
const interval = 50;

/** Reports an audio level at a fixed interval while it is switched on. */
export class Levels {
  readonly #read: () => number;
  readonly #tell: (level: number) => void;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(read: () => number, tell: (level: number) => void) {
    this.#read = read;
    this.#tell = tell;
  }

  run(on: boolean): void {
    if (on) this.#timer ??= setInterval(() => this.#tell(this.#read()), interval);
    else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
