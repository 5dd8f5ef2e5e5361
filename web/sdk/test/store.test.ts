import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SectionStore } from '../src/store.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function make() {
  const source = { a: 1, list: [1] };
  const store = new SectionStore<{ a: number; list: readonly number[] }>({ a: () => source.a, list: () => [...source.list] });
  return { source, store };
}

test('a member keeps its identity until it is touched, and the snapshot with it', () => {
  const { source, store } = make();
  const before = store.get();
  expect(store.get()).toBe(before);
  source.a = 2;
  store.touch('a');
  const after = store.get();
  expect(after).toEqual({ a: 2, list: [1] });
  expect(after.list).toBe(before.list);
  expect(before.a).toBe(1);
});

test('many changes make few calls, the last of which has them all', async () => {
  const { source, store } = make();
  const calls: number[] = [];
  const off = store.subscribe(({ list }) => calls.push(list.length));
  for (let n = 0; n < 1_000; n++) {
    source.list.push(n);
    store.touch('list');
    expect(store.get().list.length).toBe(n + 2); // get() is always up to date
    if (n % 100 === 0) await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(100);
  expect(calls.at(-1)).toBe(1_001);
  expect(calls.length).toBeLessThan(5);
  off();
  store.touch('a');
  await vi.advanceTimersByTimeAsync(100);
  expect(calls.at(-1)).toBe(1_001);
});
