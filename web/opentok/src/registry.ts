// The sessions, publishers and subscribers of the page, and the exception events of OT.
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

/** Dispatches an exception event for an error, once for each error, and returns the error. */
export function raise(error: OTError, target: object): OTError {
  if (raised.has(error)) return error;
  raised.add(error);
  exceptions.dispatch('exception', { about: { target, code: error.code, message: error.message, title: titleOf(error.code) } });
  return error;
}
