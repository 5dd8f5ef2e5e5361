import { expect, test } from 'vitest';
import { ChattokError } from '../src/errors.ts';
import { Ice } from '../src/media/ice.ts';

const told = { iceServers: [{ urls: ['turn:chat.example'], username: 'u', credential: 'c', expiresAt: null }] };
const servers = [{ urls: ['turn:chat.example'], username: 'u', credential: 'c' }];
const own = [{ urls: 'stun:own.example' }];

test.each([
  ['the server’s', undefined, servers, 1],
  ['own ones in their place', { iceServers: own }, own, 0],
  ['own ones beside the server’s', { iceServers: own, besideServers: true }, [...servers, ...own], 1],
  ['none of its own beside', { besideServers: true }, servers, 1],
])('ICE servers: %s', async (_what, options, expected, asked) => {
  let fetched = 0;
  const ice = new Ice(options, async () => (fetched++, told));
  await ice.load();
  expect(ice.configuration).toEqual({ iceServers: expected, bundlePolicy: 'max-bundle' });
  expect(fetched).toBe(asked);
});

test('own servers beside those that can not be had', async () => {
  const ice = new Ice({ iceServers: own, besideServers: true }, async () => Promise.reject(new ChattokError('UNAVAILABLE', 'not now')));
  await expect(ice.load()).rejects.toThrow('not now');
  expect(ice.configuration?.iceServers).toEqual(own);
});
