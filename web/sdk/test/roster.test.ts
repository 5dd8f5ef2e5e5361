import { expect, test } from 'vitest';
import type { SessionEventsSubscription } from '../src/generated/operations.ts';
import { Roster } from '../src/roster.ts';
import { member } from './fake-server.ts';

type Event = SessionEventsSubscription['sessionEvents'];

const stream = (id: string, by: string, hasAudio = true) => ({
  id,
  connection: member(by),
  name: id,
  hasAudio,
  hasVideo: true,
  videoType: 'CAMERA',
  width: null,
  height: null,
  createdAt: '2026-01-01T00:00:00.000Z',
});

function follow() {
  const told: string[] = [];
  const roster = new Roster({
    connectionCreated: ({ id }) => told.push(`+${id}`),
    connectionUpdated: ({ id, data }) => told.push(`=${id} ${data}`),
    connectionDestroyed: ({ id }, reason) => told.push(`-${id} ${reason}`),
    streamCreated: ({ id }) => told.push(`+${id}`),
    streamUpdated: ({ id, hasAudio }) => told.push(`~${id} ${hasAudio}`),
    streamDestroyed: ({ id }, reason) => told.push(`-${id} ${reason}`),
    muteForced: ({ streamId, except, connectionId }) => void told.push(`mute ${streamId} ${except.join()} by ${connectionId}`),
  });
  const apply = (event: object) => roster.apply(event as Event);
  return { roster, told, apply };
}

const state = (connections: string[], streams: object[]) => ({
  __typename: 'SessionState',
  connections: connections.map((id) => member(id)),
  connectionCount: connections.length,
  streams,
  streamCount: streams.length,
});

test('who was there before is no event, what they publish is', () => {
  const { roster, told, apply } = follow();
  apply(state(['ann', 'bob'], [stream('s1', 'bob')]));
  expect(told).toEqual(['+s1']);
  expect([...roster.connections.keys()]).toEqual(['ann', 'bob']);
});

test('a further snapshot tells what was missed, and nothing twice', () => {
  const { roster, told, apply } = follow();
  apply(state(['ann', 'bob', 'cid'], [stream('s1', 'bob'), stream('s2', 'cid')]));
  told.length = 0;
  apply(state(['ann', 'cid', 'dan'], [stream('s2', 'cid', false), stream('s3', 'dan')]));
  expect(told).toEqual(['-s1 undefined', '-bob undefined', '+dan', '~s2 false', '+s3']);
  told.length = 0;
  apply(state(['ann', 'cid', 'dan'], [stream('s2', 'cid', false), stream('s3', 'dan')]));
  expect(told).toEqual([]);
  expect(roster.connectionCount).toBe(3);
});

test('single changes, gathered changes, and kinds that are not known', () => {
  const { roster, told, apply } = follow();
  apply(state(['ann'], []));
  apply({ __typename: 'ConnectionCreated', connection: member('bob') });
  apply({ __typename: 'StreamCreated', stream: stream('s1', 'bob') });
  apply({ __typename: 'StreamUpdated', stream: { ...stream('s1', 'bob', false), connection: undefined } });
  apply({ __typename: 'MuteForced', streamId: null, except: ['s1'], moderator: { id: 'ann' } });
  apply({ __typename: 'SomethingNew' });
  apply({ __typename: 'StreamDestroyed', stream: { id: 's1' }, reason: 'forceUnpublished' });
  apply({ __typename: 'ConnectionDestroyed', connection: { id: 'bob' }, reason: 'clientDisconnected' });
  apply({
    __typename: 'ConnectionsChanged',
    created: [member('cid'), member('dan')],
    connectionsUpdated: [],
    destroyed: [{ connection: { id: 'ann' }, reason: 'networkDisconnected' }],
    connectionCount: 2,
  });
  expect(told).toEqual([
    '+bob', '+s1', '~s1 false', 'mute undefined s1 by ann', '-s1 forceUnpublished', '-bob clientDisconnected',
    '-ann networkDisconnected', '+cid', '+dan',
  ]);
  expect(roster.connectionCount).toBe(2);
});

test('a connection that changes its data does so in its streams too, by an event, a gathered one, or a snapshot', () => {
  const { roster, told, apply } = follow();
  apply(state(['ann', 'bob'], [stream('s1', 'bob')]));
  told.length = 0;
  const named = (data: string | null) => ({ ...member('bob'), data });
  apply({ __typename: 'ConnectionUpdated', connection: named('Bob') });
  expect(roster.streams.get('s1')?.connection.data).toBe('Bob');
  apply({ __typename: 'ConnectionUpdated', connection: named('Bob') });
  apply({ __typename: 'ConnectionUpdated', connection: { ...member('nobody'), data: 'x' } });
  apply({ __typename: 'ConnectionsChanged', created: [], connectionsUpdated: [named('Rob')], destroyed: [], connectionCount: 2 });
  const snapshot = state(['ann', 'bob'], [{ ...stream('s1', 'bob'), connection: named('Robert') }]) as { connections: { id: string; data: string | null }[] };
  snapshot.connections[1]!.data = 'Robert';
  apply(snapshot);
  expect(told).toEqual(['=bob Bob', '=bob Rob', '=bob Robert']);
  expect(roster.connections.get('bob')?.data).toBe('Robert');
  expect(roster.connectionCount).toBe(2);
});

test('a connection whose role alone changes is told too', () => {
  const { roster, told, apply } = follow();
  apply(state(['ann', 'bob'], []));
  told.length = 0;
  const bob = (role: string) => ({ ...member('bob'), role });
  apply({ __typename: 'ConnectionUpdated', connection: bob('MODERATOR') });
  apply({ __typename: 'ConnectionUpdated', connection: bob('MODERATOR') });
  apply({ __typename: 'ConnectionUpdated', connection: bob('SUBSCRIBER') });
  expect(told).toHaveLength(2);
  expect(roster.connections.get('bob')?.role).toBe('SUBSCRIBER');
});

test('a snapshot that leaves out the newest takes none of them away', () => {
  const { roster, told, apply } = follow();
  const at = (id: string, second: number) => ({ ...member(id), createdAt: `2026-01-01T00:00:0${second}Z` });
  const whole = (ids: object[], count = ids.length, streams: object[] = [], streamCount = streams.length) => ({
    __typename: 'SessionState', connections: ids, connectionCount: count, streams, streamCount,
  });
  const old = { ...stream('old', 'ann'), createdAt: '2026-01-01T00:00:01Z' };
  const young = { ...stream('new', 'cid'), createdAt: '2026-01-01T00:00:03Z' };
  apply(whole([at('ann', 1), at('bob', 2), at('cid', 3)], 3, [old, young]));
  told.length = 0;
  apply(whole([at('ann', 1), at('abe', 2)], 1_002, [old], 1_001));
  expect(told).toEqual(['+abe']);
  expect([...roster.connections.keys()]).toEqual(['ann', 'bob', 'cid', 'abe']);
  told.length = 0;
  apply(whole([at('ann', 1), at('dan', 4)], 1_002, [{ ...stream('third', 'dan'), createdAt: '2026-01-01T00:00:04Z' }], 1_001));
  expect(told).toEqual(['-old undefined', '-new undefined', '-bob undefined', '-cid undefined', '-abe undefined', '+dan', '+third']);
});
