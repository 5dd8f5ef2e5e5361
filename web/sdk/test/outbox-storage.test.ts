import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OutboxStorage, type SavedItem } from '../src/outbox-storage.ts';

/** localStorage that can be full. */
class FakeStorage {
  readonly items = new Map<string, string>();
  full = false;
  get length() {
    return this.items.size;
  }
  key(n: number) {
    return [...this.items.keys()][n] ?? null;
  }
  getItem(name: string) {
    return this.items.get(name) ?? null;
  }
  setItem(name: string, value: string) {
    if (this.full) throw new DOMException('full', 'QuotaExceededError');
    this.items.set(name, value);
  }
  removeItem(name: string) {
    this.items.delete(name);
  }
}

let storage: FakeStorage;
const post = (key: string, body = key): SavedItem => ({ key, action: { kind: 'post', body }, createdAt: Number(key), failed: false, senders: [] });
const open = (scope = 'demo', earlier?: string) => new OutboxStorage(scope, earlier, storage as unknown as Storage);
const adopted = (box: OutboxStorage) => {
  const taken: string[] = [];
  box.adopt((posts) => taken.push(...posts.map(({ key }) => key)));
  return taken;
};

beforeEach(() => {
  storage = new FakeStorage();
  vi.stubGlobal('navigator', {}); // no Web Locks, as over plain HTTP
});
afterEach(() => vi.unstubAllGlobals());

test('what a page left behind goes to the next, in its order, and once it is answered to nobody', () => {
  const first = open();
  ['3', '1', '2'].forEach((key) => first.save(post(key)));
  first.remove('2');
  const second = open();
  expect(adopted(second)).toEqual(['1', '3']);
  second.remove('1');
  second.remove('3');
  expect(adopted(open())).toEqual([]);
  expect(storage.length).toBe(0);
});

test("another session's posts, and another's, are left alone", () => {
  open('demo:Ann').save(post('1'));
  expect(adopted(open('demo:Bob'))).toEqual([]);
  expect(adopted(open('demo:Ann'))).toEqual(['1']);
});

test('a hundred posts and half a million characters are kept, and no more', () => {
  const box = open();
  for (let n = 0; n < 150; n++) box.save(post(String(n)));
  expect(storage.length).toBe(100);
  box.remove('0');
  box.save(post('200'));
  expect(storage.length).toBe(100);
  storage.items.clear();
  const large = open();
  for (let n = 0; n < 50; n++) large.save(post(String(n), 'x'.repeat(16_384)));
  expect([...storage.items.values()].join('').length).toBeLessThanOrEqual(512 * 1024);
  expect(storage.length).toBe(31);
});

test('a storage that is full, or has nonsense in it, is no error', () => {
  storage.items.set('chattok:outbox:demo:x', 'nonsense');
  storage.items.set('chattok:outbox:demo:y', '{"key":1}');
  storage.full = true;
  const box = open();
  box.save(post('1'));
  expect(adopted(open())).toEqual([]);
});

test('with locks, posts stay with a page that lives', async () => {
  const waiting = new Map<string, (() => Promise<void>)[]>();
  const request = async (name: string, _options: object, held: () => Promise<void>) => {
    const queue = waiting.get(name) ?? [];
    waiting.set(name, queue);
    queue.push(held);
    if (queue.length > 1) return;
    while (queue.length > 0) {
      await queue[0]!();
      queue.shift();
    }
  };
  vi.stubGlobal('navigator', { locks: { request } });
  const living = open();
  living.save(post('1'));
  const taken = adopted(open());
  await Promise.resolve();
  expect(taken).toEqual([]);
  living.close(); // the page is gone
  await vi.waitFor(() => expect(taken).toEqual(['1']));
});
