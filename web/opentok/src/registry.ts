// What there is of each kind in the page, and the exceptions that OT tells of.
import { Collection } from './collection.ts';
import { titleOf, type OTError } from './errors.ts';
import { EventEmitter } from './events.ts';
import type { Publisher } from './publisher.ts';
import type { Session } from './session.ts';
import type { Subscriber } from './subscriber.ts';

export const sessions = new Collection<Session>();
export const publishers = new Collection<Publisher>();
export const subscribers = new Collection<Subscriber>();

export const exceptions = new EventEmitter();

const raised = new WeakSet<OTError>();

/** Tells of a failure as an exception event, once; the error is returned. */
export function raise(error: OTError, target: object): OTError {
  if (raised.has(error)) return error;
  raised.add(error);
  exceptions.dispatch('exception', { about: { target, code: error.code, message: error.message, title: titleOf(error.code) } });
  return error;
}
