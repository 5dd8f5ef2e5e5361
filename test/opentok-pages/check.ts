// The type definitions of @opentok/client hold for what we serve: everything that is said to work is used under their types,
// with no cast. A page's own TypeScript is checked against the same.
import theirs from '@opentok/client';
import ours from '../../web/opentok/dist/opentok.js';

/** All functions of OT; no one is left out. */
type Functions = { [Name in keyof typeof theirs as (typeof theirs)[Name] extends new (...from: never) => unknown ? never : Name]: (typeof theirs)[Name] };

export const functions: Functions = ours;

/** The classes' objects, as the functions return them, and as events and methods take them. */
export function page(): void {
  const session: theirs.Session = ours.initSession('key', 'session', { connectionEventsSuppressed: false });
  const publisher: theirs.Publisher = ours.initPublisher('target', { insertMode: 'append', audioSource: null, videoSource: true }, (error) => error?.name);
  const again: theirs.Publisher = session.publish(publisher, (error) => error?.message);
  session.on('streamCreated', ({ stream }) => {
    const subscriber: theirs.Subscriber = session.subscribe(stream, 'target', { width: '100%', subscribeToVideo: false }, (error) => error?.name);
    subscriber.subscribeToVideo(true);
    void session.forceMuteStream(stream);
    session.unsubscribe(subscriber);
  });
  session.on('connectionCreated', ({ connection }) => void session.forceDisconnect(connection, (error) => error?.name));
  session.on('signal:chat', ({ data, from }) => [data, from?.connectionId]);
  session.once({ sessionConnected: () => again.publishAudio(false) }, session);
  void session.connect.promise('token').then((connected: theirs.Session) => connected.capabilities.publish === 1);
  void ours.initPublisher.promise('target').then((made: theirs.Publisher) => made.getStats());
}
