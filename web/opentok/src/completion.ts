// Completion handlers and promises: OpenTok offers both for the same call.
import { later } from './events.ts';

/** Called once, with an error where the call failed. */
export type Completion<Value = void> = (error?: Error, value?: Value) => void;

/**
 * Calls a completion handler when a promise settles, in its place in the queue of events. Returns the promise. A rejection
 * counts as handled, since pages for OpenTok look at the handler or at events instead.
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

/** Marks a rejection as handled, for pages that ignore the promise. */
export function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
