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
    destroyed: [{ connection: { id: 'ann' }, reason: 'networkDisconnected' }],
    connectionCount: 2,
  });
  expect(told).toEqual([
    '+bob', '+s1', '~s1 false', 'mute undefined s1 by ann', '-s1 forceUnpublished', '-bob clientDisconnected',
    '-ann networkDisconnected', '+cid', '+dan',
  ]);
  expect(roster.connectionCount).toBe(2);
});
