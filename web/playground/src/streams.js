// Running subscriptions, one a tab at most.
//
// GraphiQL shows the last event only, and drops a subscription when its tab is left. Here a stream belongs to the tab it
// was started in and runs until it is stopped, its tab is closed or the server ends it; GraphiQL merely watches the stream
// of the tab that is in front, and is given all of the newest events as one result each time.

/** How many of a stream's newest events are kept and shown. */
export const keptEvents = 20;

export class Streams {
  #start; // (subscription, sink) => stop: see api.js
  #byTab = new Map();
  #tab; // the id of the tab in front
  #resuming = false;
  #listeners = new Set();
  #snapshot = [];

  constructor(start) {
    this.#start = start;
  }

  /** Tells which tabs there are and which is in front, as often as GraphiQL says so. */
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

  /** An observable, as a GraphiQL fetcher may return it, of a new stream in the tab in front, or of the one resumed. */
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
        else queueMicrotask(() => observer.complete()); // the tab was left before GraphiQL came to subscribe
        return {
          // GraphiQL lets go both when the user stops the stream and when the tab is left; in the latter case setTabs has
          // released the observer by the time the call is over.
          unsubscribe: () => queueMicrotask(() => stream.isWatchedBy(observer) && this.stop(tab)),
        };
      },
    };
  }

  /** Forgets the stream of the tab in front, whose response pane has something else to show from now on. */
  forget() {
    this.stop(this.#tab);
  }

  /** Watches again the stream of the tab that has come to the front, if it has one; run is GraphiQL's own action. */
  resume(run) {
    if (!this.#byTab.has(this.#tab)) return;
    this.#resuming = true;
    try {
      run(); // calls observe before it returns
    } finally {
      this.#resuming = false;
    }
  }

  stop(tab) {
    this.#byTab.get(tab)?.end('stopped');
    this.#byTab.delete(tab);
    this.#changed();
  }

  // What React's useSyncExternalStore asks for: a list of { tab, title, status, received, reconnected, running }.
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
    if (!this.running) queueMicrotask(() => this.release()); // not before GraphiQL has noted that it is subscribed
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
    if (this.#status === 'connecting') return; // GraphiQL's own sign of waiting stays
    this.#observer?.next({
      ...(this.#errors && { errors: this.#errors }),
      received: this.#received,
      events: this.#events,
    });
  }
}
