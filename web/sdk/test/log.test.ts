import { expect, test } from 'vitest';
import { Log } from '../src/log.ts';
import type { ChatEntry } from '../src/types.ts';
import { entry } from './fake-server.ts';

const seqs = (log: Log) => log.list().map(({ seq }) => seq);

test('entries on every way and in every order are one row each, by seq', () => {
  // Every order of six arrivals, three entries twice each.
  const orders = permutations([1, 2, 3, 1, 2, 3]);
  for (const order of orders) {
    const log = new Log();
    log.begin('0');
    order.forEach((seq) => log.merge(entry(seq) as ChatEntry));
    expect(seqs(log)).toEqual([1, 2, 3]);
  }
  expect(orders.length).toBe(720);
});

test('a live entry is new once, whatever the store has of it', () => {
  const log = new Log();
  log.begin('c4');
  log.merge(entry(6) as ChatEntry); // one's own, answered before its predecessor came
  expect(log.live(entry(5) as ChatEntry)).toBe(true);
  expect(log.live(entry(6) as ChatEntry)).toBe(true);
  expect(log.live(entry(6) as ChatEntry)).toBe(false);
  expect(log.cursor).toBe('c6');
  expect(seqs(log)).toEqual([5, 6]);
});

test('pages go before, and a page that is read twice changes nothing', () => {
  const log = new Log();
  log.begin('c9');
  expect(log.hasMore).toBe(true);
  log.live(entry(10) as ChatEntry);
  const page = [7, 8, 9].map((seq) => entry(seq) as ChatEntry);
  log.page(page, true);
  log.page(page, true);
  log.page([5, 6].map((seq) => entry(seq) as ChatEntry), false);
  expect(seqs(log)).toEqual([5, 6, 7, 8, 9, 10]);
  expect(log.oldest?.seq).toBe(5);
  expect(log.hasMore).toBe(false);
});

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}
