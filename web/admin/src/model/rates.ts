// How fast numbers grow, by comparing answers that come some seconds apart.

/** Over how long a rate is measured, in milliseconds. */
const over = 10_000;

export class Rates {
  readonly #samples = new Map<string, { readonly at: number; readonly value: number }[]>();

  /** Notes the values of a moment. Names that are not among them are forgotten. */
  note(at: number, values: Iterable<readonly [string, number]>): void {
    const seen = new Set<string>();
    for (const [name, value] of values) {
      seen.add(name);
      const samples = this.#samples.get(name) ?? [];
      if (samples.at(-1)?.at === at) continue;
      samples.push({ at, value });
      while (samples.length > 2 && at - samples[1]!.at >= over) samples.shift();
      this.#samples.set(name, samples);
    }
    for (const name of this.#samples.keys()) if (!seen.has(name)) this.#samples.delete(name);
  }

  /** Returns how much a value grew in a second; undefined after one sample. */
  of(name: string): number | undefined {
    const samples = this.#samples.get(name) ?? [];
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === undefined || last === undefined || last.at <= first.at) return undefined;
    return Math.max(0, ((last.value - first.value) * 1000) / (last.at - first.at));
  }
}
