// Sessions of OpenTok's first version (0.91). Handlers added by `addEventListener` receive that version's events; those added by
// `on`, which the second version introduced, receive the second version's.
import type * as chattok from '../../sdk/src/index.ts';
import type { Dispatch, Event, Handler } from './events.ts';
import type { Connection, Stream } from './roster.ts';
import { Session } from './session.ts';

/** Returns the names that handlers of the first version are kept under. */
const first = (names: string): string => names.replace(/\S+/g, '$&@1');

/** The members of the second version's events that the first version names differently. */
interface About {
  readonly stream?: Stream;
  readonly connection?: Connection;
  readonly from?: Connection | null;
}

export class TBSession extends Session {
  override addEventListener(names: string, handler: Handler, context?: object): this {
    return this.on(first(names), handler, context);
  }

  override removeEventListener(names: string, handler: Handler, context?: object): this {
    return this.off(first(names), handler, context);
  }

  /** Dispatches one event to handlers of both versions; either may prevent its default action. @internal */
  override dispatch(name: string, { version, about = {}, ...rest }: Dispatch = {}): Event | undefined {
    if (name === 'sessionConnected') return this.#connected(about);
    const names = [...(version === 1 ? [] : [name]), ...(version === 2 ? [] : [first(name)])];
    const event = super.dispatch(name, { ...rest, names, about: inBothForms(about) });
    if (name === 'signal' && rest.type === 'signal') this.dispatch('signalReceived', { about }); // 0.91 has no types
    return event;
  }

  /** Dispatches sessionConnected, with the streams for the first version only: the second has a streamCreated for each. */
  #connected(about: object): undefined {
    super.dispatch('sessionConnected', { about: { ...about, streams: [] } });
    super.dispatch('sessionConnected', { about: { ...about, archives: [], groups: [] }, names: [first('sessionConnected')] });
  }

  /** Adds the streams that exist already; the first version has no streamCreated for them. */
  protected override streamsAtConnect(streams: readonly chattok.Stream[]): Stream[] {
    return streams.map((stream) => this.addStream(stream));
  }
}

/** Adds the first version's members, which are lists, to an event's. */
function inBothForms(about: object): object {
  const { stream, connection, from } = about as About;
  return {
    ...about,
    ...(stream && { streams: [stream] }),
    ...(connection && { connections: [connection] }),
    ...(from !== undefined && { fromConnection: from }),
  };
}
