// Running subscriptions, at most one per tab.
//
// GraphiQL by itself shows only the last event, and ends a subscription when the user changes tabs. Here a stream belongs to
// the tab that started it. It runs until the user stops it, the tab is closed or the server ends it. GraphiQL observes the
// stream of the active tab, and each result that it gets contains all of the newest events.

/** Number of a stream's newest events that are kept and shown. */
export const keptEvents = 20;

export class Streams {
  #start; // (subscription, sink) => stop; see api.js
  #byTab = new Map();
  #tab; // id of the active tab
  #resuming = false;
  #listeners = new Set();
  #snapshot = [];

  constructor(start) {
    this.#start = start;
  }

  /** Updates the tabs, whenever GraphiQL reports them. Streams of closed tabs are stopped. */
  setTabs({ tabs, activeTabIndex }) {
    const tab = tabs[activeTabIndex]?.id;
    if (tab !== this.#tab) {
      const left = this.#byTab.get(this.#tab);
      this.#tab = tab;
      left?.release();
    }
    for (const id of this.#byTab.keys()) {
      if (!tabs.some((tab) => tab.id === id)) this.stop(id);
    }
  }

  /**
   * Returns an observable for a GraphiQL fetcher: of a new stream in the active tab or, within `resume`, of the existing
   * one.
   */
  observe(subscription) {
    const tab = this.#tab;
    if (!this.#resuming) {
      this.stop(tab);
      this.#byTab.set(tab, new Stream(tab, subscription.title, () => this.#changed()));
      this.#byTab.get(tab).start(this.#start, subscription);
    }
    const stream = this.#byTab.get(tab);
    return {
      subscribe: (observer) => {
        if (this.#tab === tab) stream.watch(observer);
        else queueMicrotask(() => observer.complete()); // the user changed tabs before GraphiQL subscribed
        return {
          // GraphiQL unsubscribes when the user stops the stream and when the tab changes. In the latter case setTabs has
          // released the observer when the microtask runs, and the stream goes on.
          unsubscribe: () => queueMicrotask(() => stream.isWatchedBy(observer) && this.stop(tab)),
        };
      },
    };
  }

  /** Stops the active tab's stream, because its response pane will show something else. */
  forget() {
    this.stop(this.#tab);
  }

  /** Observes the stream of the active tab again, if it has one. `run` is GraphiQL's action. */
  resume(run) {
    if (!this.#byTab.has(this.#tab)) return;
    this.#resuming = true;
    try {
      run(); // calls observe synchronously
    } finally {
      this.#resuming = false;
    }
  }

  stop(tab) {
    this.#byTab.get(tab)?.end('stopped');
    this.#byTab.delete(tab);
    this.#changed();
  }

  // For useSyncExternalStore. The snapshot is a list of { tab, title, status, received, reconnected, running }.
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  snapshot = () => this.#snapshot;

  #changed() {
    this.#snapshot = [...this.#byTab.values()].map((stream) => stream.summary());
    this.#listeners.forEach((listener) => listener());
  }
}

class Stream {
  running = true;
  #tab;
  #title;
  #changed;
  #status = 'connecting';
  #received = 0;
  #reconnected = 0;
  #events = [];
  #errors;
  #observer;
  #stop;

  constructor(tab, title, changed) {
    this.#tab = tab;
    this.#title = title;
    this.#changed = changed;
  }

  start(start, subscription) {
    this.#stop = start(subscription, {
      connected: (again) => {
        this.#reconnected += again ? 1 : 0;
        this.#update('listening');
      },
      disconnected: () => this.running && this.#update('reconnecting'),
      next: (event) => {
        this.#received += 1;
        this.#events = [...this.#events, event].slice(-keptEvents);
        this.#update('listening');
      },
      error: (errors) => {
        this.#errors = errors;
        this.end('failed');
      },
      complete: () => this.end('ended'),
    });
    this.#changed();
  }

  watch(observer) {
    this.#observer = observer;
    this.#show();
    if (!this.running) queueMicrotask(() => this.release()); // only after GraphiQL has stored the subscription
  }

  isWatchedBy(observer) {
    return this.#observer === observer;
  }

  release() {
    const observer = this.#observer;
    this.#observer = undefined;
    observer?.complete();
  }

  end(status) {
    if (!this.running) return;
    this.running = false;
    this.#update(status);
    this.#stop?.();
    this.release();
  }

  summary() {
    return {
      tab: this.#tab,
      title: this.#title,
      status: this.#status,
      received: this.#received,
      reconnected: this.#reconnected,
      running: this.running,
    };
  }

  #update(status) {
    this.#status = status;
    this.#show();
    this.#changed();
  }

  #show() {
    if (this.#status === 'connecting') return; // keeps GraphiQL's own progress indicator
    this.#observer?.next({
      ...(this.#errors && { errors: this.#errors }),
      received: this.#received,
      events: this.#events,
    });
  }
}
