// Events in OpenTok's manner. They wait in one queue for the whole page and run in a microtask, so that a handler which is
// added directly after the cause still hears them. An event's default action runs after all of its handlers.

/** The queue of calls to handlers and completion handlers. */
const due: (() => void)[] = [];
let calling = false;

/** Queues a call behind those that wait already, so that completion handlers keep their place among events. */
export function later(call: () => void): void {
  due.push(call);
  if (calling) return;
  calling = true;
  queueMicrotask(() => {
    for (let next = due.shift(); next; next = due.shift()) guarded(next);
    calling = false;
  });
}

/** Calls a function of the page. An exception is reported and does not stop the queue. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    reportError(error);
  }
}

/** The event object that a handler receives. */
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

/** How an event is dispatched. */
export interface Dispatch {
  /** Members of the event beside type and target. */
  readonly about?: object;
  /** The event's type; the name it is dispatched under where absent. */
  readonly type?: string;
  /** The default action, which runs after all handlers unless one of them prevents it. */
  readonly byDefault?: () => void;
  /** The version of the API that has the event, where only one has it. */
  readonly version?: 1 | 2;
  /** The names whose handlers are called, one name after the other; the event's own name where absent. */
  readonly names?: readonly string[];
}

export class EventEmitter {
  readonly #entries = new Map<string, Entry[]>();

  /** Adds a handler for a name or for several, separated by spaces; or takes an object of handlers by name. */
  on(names: string, handler: Handler, context?: object): this;
  on(handlers: object, context?: object): this;
  on(names: string | object, handler?: Handler | object, context?: object): this {
    return this.#add(names, handler, context, false);
  }

  /** Like `on`, for the first event of each name only. */
  once(names: string, handler: Handler, context?: object): this;
  once(handlers: object, context?: object): this;
  once(names: string | object, handler?: Handler | object, context?: object): this {
    return this.#add(names, handler, context, true);
  }

  /** Removes one handler, all of a name, those in an object, or all there are. */
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

  /** Whether the event has a handler. */
  protected listened(name: string): boolean {
    return (this.#entries.get(name)?.length ?? 0) > 0;
  }

  /** Called after handlers were added or removed. */
  protected handlersChanged(): void {}

  /** Queues an event for its handlers. Events that only version 1 has are dropped: see TBSession. @internal */
  dispatch(name: string, { about = {}, type = name, byDefault, version, names = [name] }: Dispatch = {}): Event | undefined {
    if (version === 1) return undefined;
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
      for (const each of names) this.#call(each, event);
      if (!prevented) byDefault?.();
    });
    return event;
  }

  #call(name: string, event: Event): void {
    for (const entry of [...(this.#entries.get(name) ?? [])]) {
      if (entry.once) {
        this.#drop(name, (each) => each === entry);
        this.handlersChanged();
      }
      guarded(() => (entry.handler as (event: Event) => void).call(entry.context ?? this, event));
    }
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
