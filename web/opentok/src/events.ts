// Events as OpenTok has them: they are dispatched a moment after what they tell of, one after another in all of the page,
// so that a handler which is added in the same breath hears them; what an event does by default comes after all handlers.

/** Calls to the page that are due, in their order. */
const due: (() => void)[] = [];
let calling = false;

/** Calls after everything that is due already: completion handlers keep their place among events this way. */
export function later(call: () => void): void {
  due.push(call);
  if (calling) return;
  calling = true;
  queueMicrotask(() => {
    for (let next = due.shift(); next; next = due.shift()) guarded(next);
    calling = false;
  });
}

/** Calls what is the page's: what it throws is reported, and stops nothing else. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    reportError(error);
  }
}

/** What a handler is given. */
export interface Event<Type extends string = string, Target = unknown> {
  type: Type;
  cancelable: boolean;
  target: Target;
  isDefaultPrevented(): boolean;
  preventDefault(): void;
}

/** Any function of the page. */
export type Handler = (event: never) => void;
type Handlers = Record<string, Handler | null | undefined>;

interface Entry {
  readonly handler: Handler;
  readonly context: object | undefined;
  readonly once: boolean;
}

interface Dispatch {
  /** What of the event is beside its type and target. */
  readonly about?: object;
  /** The event's type, where it is not the name that it is dispatched under. */
  readonly type?: string;
  /** What happens after all handlers, unless one of them prevents it. */
  readonly byDefault?: () => void;
}

export class EventEmitter {
  readonly #entries = new Map<string, Entry[]>();

  /** Takes a name, several separated by spaces, or an object of handlers by their names. */
  on(names: string, handler: Handler, context?: object): this;
  on(handlers: object, context?: object): this;
  on(names: string | object, handler?: Handler | object, context?: object): this {
    return this.#add(names, handler, context, false);
  }

  /** As `on`, for the first event of each name. */
  once(names: string, handler: Handler, context?: object): this;
  once(handlers: object, context?: object): this;
  once(names: string | object, handler?: Handler | object, context?: object): this {
    return this.#add(names, handler, context, true);
  }

  /** Removes a handler, all of a name, those of an object, or all. */
  off(names?: string, handler?: Handler | object | null, context?: object): this;
  off(handlers: object, context?: object): this;
  off(names?: string | object | null, handler?: Handler | object | null, context?: object): this {
    if (names === undefined || names === null) this.#entries.clear();
    else if (typeof names === 'object') {
      for (const [name, each] of Object.entries(names as Handlers)) if (each) this.#remove(name, each, handler as object | undefined);
    } else for (const name of split(names)) this.#remove(name, handler as Handler | undefined, context);
    this.handlersChanged();
    return this;
  }

  addEventListener(names: string, handler: Handler, context?: object): this {
    return this.on(names, handler, context);
  }

  removeEventListener(names: string, handler: Handler, context?: object): this {
    return this.off(names, handler, context);
  }

  /** Whether anybody listens. */
  protected listened(name: string): boolean {
    return (this.#entries.get(name)?.length ?? 0) > 0;
  }

  /** Handlers were added or removed. */
  protected handlersChanged(): void {}

  /** Dispatches an event to those who listen when its turn comes. @internal */
  dispatch(name: string, { about = {}, type = name, byDefault }: Dispatch = {}): void {
    let prevented = false;
    const event: Event = {
      type,
      cancelable: byDefault !== undefined,
      target: this,
      ...about,
      isDefaultPrevented: () => prevented,
      preventDefault: () => {
        prevented = byDefault !== undefined;
      },
    };
    later(() => {
      for (const entry of [...(this.#entries.get(name) ?? [])]) {
        if (entry.once) {
          this.#drop(name, (each) => each === entry);
          this.handlersChanged();
        }
        guarded(() => (entry.handler as (event: Event) => void).call(entry.context ?? this, event));
      }
      if (!prevented) byDefault?.();
    });
  }

  #add(names: string | object, handler: Handler | object | undefined, context: object | undefined, once: boolean): this {
    const add = (name: string, each: Handler, own: object | undefined) => {
      this.#entries.set(name, [...(this.#entries.get(name) ?? []), { handler: each, context: own, once }]);
    };
    if (typeof names === 'object') {
      for (const [name, each] of Object.entries(names as Handlers)) if (each) add(name, each, handler);
    } else if (typeof handler === 'function') {
      for (const name of split(names)) add(name, handler as Handler, context);
    }
    this.handlersChanged();
    return this;
  }

  #remove(name: string, handler: Handler | null | undefined, context: object | undefined): void {
    this.#drop(name, (entry) => (!handler || entry.handler === handler) && (!context || entry.context === context));
  }

  #drop(name: string, which: (entry: Entry) => boolean): void {
    this.#entries.set(name, (this.#entries.get(name) ?? []).filter((entry) => !which(entry)));
  }
}

function split(names: string): string[] {
  return names.split(/\s+/).filter((name) => name !== '');
}
