// Mutes of all streams and those to come, and their end. The SDK has neither, so these are operations of the API, sent with the
// access token of the session.
import { ChattokError } from '../../sdk/src/index.ts';
import type { ErrorCode, Session } from '../../sdk/src/index.ts';
import { serverAddress } from './server.ts';

interface Answer {
  errors?: { message: string; extensions: { code: ErrorCode } }[];
}

async function run({ accessToken }: Session, query: string, variables = {}): Promise<void> {
  const response = await fetch(new URL('graphql', serverAddress()), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${accessToken}` },
    body: JSON.stringify({ query, variables }),
  });
  const { errors } = (await response.json()) as Answer;
  if (errors) throw new ChattokError(errors[0]!.extensions.code, errors[0]!.message);
}

/** Mutes all streams save some, and those that are published later. */
export const muteAll = (session: Session, except: string[]): Promise<void> =>
  run(session, 'mutation ($except: [ID!]) { forceMute(except: $except, stay: true) { id } }', { except });

/** Ends a mute of streams that are published later. */
export const endMute = (session: Session): Promise<void> => run(session, 'mutation { disableForceMute { id } }');
