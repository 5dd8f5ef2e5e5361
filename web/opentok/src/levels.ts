/** Milliseconds between two levels. */
const interval = 50;

/** Calls with a level again and again while somebody wants to know. */
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
