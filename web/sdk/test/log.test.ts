import { expect, test } from 'vitest';
import { Log } from '../src/log.ts';
import { entry } from './fake-server.ts';

const seqs = (log: Log) => log.list().map(({ seq }) => seq);

test('entries on every way and in every order are one row each, by seq', () => {
  // All orders of six arrivals: three entries, each twice.
  const orders = permutations([1, 2, 3, 1, 2, 3]);
  for (const order of orders) {
    const log = new Log(1_000);
    log.begin('0');
    order.forEach((seq) => log.merge(entry(seq)));
    expect(seqs(log)).toEqual([1, 2, 3]);
  }
  expect(orders.length).toBe(720);
});

test('a live entry is new once, whatever the store has of it', () => {
  const log = new Log(1_000);
  log.begin('c4');
  log.merge(entry(6)); // an own post, answered before the entry before it arrived
  expect(log.live(entry(5))).toBe(true);
  expect(log.live(entry(6))).toBe(true);
  expect(log.live(entry(6))).toBe(false);
  expect(log.cursor).toBe('c6');
  expect(seqs(log)).toEqual([5, 6]);
});

test('pages go before, and a page that is read twice changes nothing', () => {
  const log = new Log(1_000);
  log.begin('c9');
  expect(log.hasMore).toBe(true);
  log.live(entry(10));
  const page = [7, 8, 9].map((seq) => entry(seq));
  log.page(page, true);
  log.page(page, true);
  log.page([5, 6].map((seq) => entry(seq)), false);
  expect(seqs(log)).toEqual([5, 6, 7, 8, 9, 10]);
  expect(log.oldest?.seq).toBe(5);
  expect(log.hasMore).toBe(false);
});

const some = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => entry(from + n));

test('a log does not grow with its session: the newest stay, and those before are loaded again', () => {
  const log = new Log(100);
  log.begin('0');
  let most = 0;
  for (const each of some(1, 10_000)) {
    log.live(each);
    most = Math.max(most, log.list().length);
  }
  expect(most).toBe(150);
  expect(seqs(log)).toEqual(some(10_000 - log.list().length + 1, 10_000).map(({ seq }) => seq));
  expect(log.hasMore).toBe(true);
  const oldest = log.oldest!.seq;
  log.page(some(oldest - 50, oldest - 1), true);
  expect(log.oldest?.seq).toBe(oldest - 50);
});

test('a page that was loaded stays while as many entries come as the log keeps, and no longer', () => {
  const log = new Log(100);
  log.begin('c1000');
  log.page(some(801, 1_000), true);
  some(1_001, 1_150).forEach((each) => log.live(each));
  expect(log.oldest?.seq).toBe(801); // history is kept while somebody may read it
  some(1_151, 2_000).forEach((each) => log.live(each));
  expect(log.list().length).toBeLessThanOrEqual(350);
  log.trim();
  expect(seqs(log)).toEqual(some(1_901, 2_000).map(({ seq }) => seq));
  some(2_001, 3_000).forEach((each) => log.live(each));
  expect(log.list().length).toBeLessThanOrEqual(150);
});

test('what a page is being loaded before is not let go', () => {
  const log = new Log(100);
  log.begin('c1000');
  log.page(some(901, 1_000), true);
  log.loading = true; // while the page before 901 is loading
  some(1_001, 1_500).forEach((each) => log.live(each));
  log.trim();
  log.page(some(701, 900), true);
  log.loading = false;
  expect(seqs(log)).toEqual(some(701, 1_500).map(({ seq }) => seq)); // no gap
});

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}
