// Completion handlers and promises: OpenTok has both, for one and the same call.
import { later } from './events.ts';

/** Called with an error, or without one. */
export type Completion<Value = void> = (error?: Error, value?: Value) => void;

/**
 * Tells a completion handler how a promise was settled, among the events. The promise is returned; a rejection that the page
 * leaves to itself is no error of the page, since OpenTok's pages look at the handler or at events.
 */
export function settled<Value>(promise: Promise<Value>, completion: Completion<Value> | Completion | undefined): Promise<Value> {
  const call = completion as Completion<Value> | undefined;
  promise.then(
    (value) => call && later(() => call(undefined, value)),
    (error: Error) => call && later(() => call(error)),
  );
  return promise;
}

/** A function with its promise form beside it. */
export function withPromise<Call extends object, PromiseForm>(call: Call, promise: PromiseForm): Call & { promise: PromiseForm } {
  return Object.assign(call, { promise });
}

/** A promise whose rejection is no fault of a page that does not look at it. */
export function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
