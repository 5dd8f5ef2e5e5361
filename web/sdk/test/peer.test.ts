// Two ends of a connection, without a browser: what they say to each other when messages come late, twice or never.
import { beforeEach, expect, test, vi } from 'vitest';
import { Peer, type Negotiation, type PeerHooks } from '../src/media/peer.ts';

type Description = { type: 'offer' | 'answer'; sdp: string };

const midsOf = (description: Description | null) => [...(description?.sdp ?? '').matchAll(/^a=mid:(\S+)/gm)].map(([, mid]) => mid!);

const carrier = (kind: string, mid: string | null = null) => ({
  mid,
  next: '',
  direction: '',
  currentDirection: null as string | null,
  receiver: { track: { kind } },
  sender: { replaceTrack: async () => {} },
  stop() {},
});

/**
 * An RTCPeerConnection by the rules that Chromium keeps: an offer names media sections that are not agreed anew each time, and has
 * the agreed ones in their order, or is refused.
 */
class FakeConnection {
  static all: FakeConnection[] = [];
  /** While it is set, operations on a connection never end, as on one that was closed meanwhile. */
  static hangs = false;
  currentLocalDescription: Description | null = null;
  currentRemoteDescription: Description | null = null;
  connectionState = 'connected';
  closed = false;
  onnegotiationneeded?: (() => void) | null;
  onsignalingstatechange?: (() => void) | null;
  readonly #carriers: ReturnType<typeof carrier>[] = [];
  readonly #id = FakeConnection.all.push(this);
  #local: Description | null = null;
  #remote: Description | null = null;
  #version = 0;
  #mid = 0;

  get signalingState() {
    if (this.closed) return 'closed';
    if (this.#local) return 'have-local-offer';
    return this.#remote ? 'have-remote-offer' : 'stable';
  }
  get localDescription() {
    return this.#local ?? this.currentLocalDescription;
  }
  get remoteDescription() {
    return this.#remote ?? this.currentRemoteDescription;
  }
  getTransceivers() {
    return this.#carriers;
  }
  addTransceiver(kind: string) {
    const added = carrier(kind);
    this.#carriers.push(added);
    this.#need();
    return added;
  }
  addIceCandidate() {
    return this.#turn();
  }
  setConfiguration() {}
  restartIce() {}
  close() {
    this.closed = true;
  }
  async createOffer(): Promise<Description> {
    const fresh = this.#carriers.filter(({ mid }) => mid === null).map((each) => (each.next = `${this.#id}.${this.#mid++}`));
    return { type: 'offer', sdp: this.#sdp([...midsOf(this.currentLocalDescription), ...fresh]) };
  }
  async setLocalDescription(description?: Description) {
    await this.#turn();
    if (description) {
      if (this.signalingState !== 'stable') throw new Error('wrong state');
      this.#local = description;
      for (const each of this.#carriers) each.mid ??= each.next;
      return;
    }
    this.currentLocalDescription = { type: 'answer', sdp: this.#sdp(midsOf(this.#remote)) };
    this.currentRemoteDescription = this.#remote;
    this.#remote = null;
    this.#settle();
  }
  async setRemoteDescription(description: Description) {
    await this.#turn();
    if (description.type === 'answer') {
      this.currentLocalDescription = this.#local;
      this.currentRemoteDescription = description;
      this.#local = null;
      return this.#settle();
    }
    const agreed = midsOf(this.currentLocalDescription);
    const offered = midsOf(description);
    if (agreed.some((mid, place) => offered[place] !== mid)) throw new Error('the order of media sections differs');
    if (this.#local) for (const each of this.#carriers) if (!agreed.includes(each.mid!)) each.mid = null; // a rollback
    this.#local = null;
    for (const mid of offered) if (!this.#carriers.some((each) => each.mid === mid)) this.#carriers.push(carrier('video', mid));
    this.#remote = description;
  }

  #turn() {
    return FakeConnection.hangs ? new Promise<void>(() => {}) : Promise.resolve();
  }
  #need() {
    setTimeout(() => {
      if (this.signalingState === 'stable' && this.#carriers.some(({ mid }) => mid === null)) this.onnegotiationneeded?.();
    });
  }
  #sdp(mids: string[]) {
    const sections = mids.map((mid) => `m=video 9 x 0\r\na=mid:${mid}\r\n`);
    return `v=0\r\no=- ${this.#id} ${++this.#version} IN IP4 0\r\n${sections.join('')}`;
  }
  #settle() {
    for (const each of this.#carriers) if (each.mid !== null) each.currentDirection = 'recvonly';
    this.onsignalingstatechange?.();
    this.#need();
  }
}

function end(me: string, other: string) {
  const sent: Negotiation[] = [];
  const errors: unknown[] = [];
  const hooks = {
    live: () => true,
    anyStream: () => 's',
    configuration: () => ({}),
    negotiated() {},
    idle() {},
    publication: () => ({ stereo: false, track: () => null }),
    error: (error: unknown) => errors.push(error),
    send: (streamId: string, _to: string, message: object) =>
      sent.push({ streamId, fromConnectionId: me, description: null, candidate: null, ...message } as Negotiation),
  };
  const peer = new Peer(other, me, hooks as unknown as PeerHooks);
  const subscription = () => ({
    stream: { id: 's' },
    carriers: {},
    direction: () => 'recvonly',
    become() {},
    carry(this: { carriers: object }, carriers: object) {
      this.carriers = carriers;
    },
  });
  return {
    peer,
    sent,
    errors,
    subscribe: () => peer.subscribe(subscription() as never),
    hear: (messages: (Negotiation | undefined)[]) => messages.forEach((message) => peer.receive(message!)),
    types: () => sent.map(({ description }) => description?.type),
  };
}

/** Waits until nothing is under way; the ends talk by promises and timers of 0 alone. */
async function settled() {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
}

const states = () => FakeConnection.all.filter(({ closed }) => !closed).map(({ signalingState }) => signalingState);

beforeEach(() => {
  FakeConnection.all = [];
  FakeConnection.hangs = false;
  vi.stubGlobal('RTCPeerConnection', FakeConnection);
});

test('an answered offer that comes again takes no offer of this end back', async () => {
  const [polite, other] = [end('a', 'b'), end('b', 'a')];
  other.subscribe();
  await settled();
  polite.hear(other.sent);
  await settled();
  polite.subscribe();
  await settled();
  other.hear([...polite.sent]); // the answer and the offer
  await settled();
  polite.hear([other.sent[0], other.sent[1]]); // its first offer once more, before its answer
  await settled();
  other.hear(polite.sent.slice(2));
  await settled();
  expect(polite.types()).toEqual(['answer', 'offer', 'answer']);
  expect(polite.sent[2]!.description).toEqual(polite.sent[0]!.description); // the same answer again
  expect([...polite.errors, ...other.errors]).toEqual([]);
  expect(states()).toEqual(['stable', 'stable']);
});

test('an offer that nobody answers is repeated, then the connection is replaced, also where work on it never ends', async () => {
  const [one, other] = [end('a', 'b'), end('b', 'a')];
  one.subscribe();
  await settled();
  FakeConnection.hangs = true;
  one.hear([{ streamId: 's', fromConnectionId: 'b', description: null, candidate: { candidate: 'x' } } as never]);
  await settled();
  FakeConnection.hangs = false;
  for (let round = 0; round < 15; round++) one.peer.refresh();
  expect(one.types()).toEqual(Array(6).fill('offer')); // the first, and five more
  one.peer.refresh();
  await settled();
  other.hear([one.sent.at(-1)]);
  await settled();
  one.hear([other.sent[0]]);
  await settled();
  expect(FakeConnection.all.map(({ closed }) => closed)).toEqual([true, false, false]); // the first of `one`
  expect(states()).toEqual(['stable', 'stable']);
  expect([...one.errors, ...other.errors]).toEqual([]);
});
