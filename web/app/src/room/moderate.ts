// A moderator's actions on a person.
import type { Connection, Stream } from '@chattok/sdk';
import { attempt, nameOf, type Meeting } from '../model/meeting';
import { confirm } from '../ui/Confirm';

export function muteStream(meeting: Meeting, stream: Stream): void {
  const name = nameOf(stream.connection);
  void attempt(`${name} can’t be muted`, () => meeting.session.forceMute(stream.id));
}

export function endStream(meeting: Meeting, stream: Stream): void {
  const name = nameOf(stream.connection);
  const what = whatOf(stream);
  confirm({
    title: `End the ${what} of ${name}?`,
    text: `Nobody sees it any more, until ${name} starts it again.`,
    yes: `End ${what}`,
    act: () => void attempt(`The ${what} of ${name} can’t be ended`, () => meeting.session.forceUnpublish(stream.id)),
  });
}

export function remove(meeting: Meeting, connection: Connection): void {
  const name = nameOf(connection);
  confirm({
    title: `Remove ${name}?`,
    text: 'They leave the session at once, and may come back if they have the link and no invitation is needed.',
    yes: 'Remove',
    act: () => void attempt(`${name} can’t be removed`, () => meeting.session.forceDisconnect(connection.id)),
  });
}

/** Returns the word for a stream in messages. */
export function whatOf(stream: Stream): 'screen' | 'video' {
  return stream.videoType === 'SCREEN' ? 'screen' : 'video';
}
