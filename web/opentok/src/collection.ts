type Criteria<Item> = Partial<Item> | ((item: Item) => boolean);

/** OpenTok's lists of objects, which old pages search by properties. */
export class Collection<Item extends object> {
  readonly #items = new Map<string, Item>();

  /** @internal */
  add(id: string, item: Item): void {
    this.#items.set(id, item);
  }

  /** @internal */
  remove(id: string): void {
    this.#items.delete(id);
  }

  /** @internal */
  clear(): void {
    this.#items.clear();
  }

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  has(id: string): boolean {
    return this.#items.has(id);
  }

  length(): number {
    return this.#items.size;
  }

  /** Returns the items that have these properties, or for which the function returns true. */
  where(criteria: Criteria<Item> = {}): Item[] {
    const entries = Object.entries(criteria) as [keyof Item, unknown][];
    const fits = typeof criteria === 'function' ? criteria : (item: Item) => entries.every(([key, value]) => item[key] === value);
    return [...this.#items.values()].filter(fits);
  }

  find(criteria: Criteria<Item>): Item | undefined {
    return this.where(criteria)[0];
  }

  filter(fits: (item: Item) => boolean): Item[] {
    return this.where(fits);
  }

  map<Result>(call: (item: Item) => Result): Result[] {
    return this.where().map((item) => call(item));
  }

  forEach(call: (item: Item) => void, context?: object): this {
    this.where().forEach((item) => call.call(context, item));
    return this;
  }
}
