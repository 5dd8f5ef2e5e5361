// The end of a test.

const stacks = new WeakMap();

/**
 * Calls `action` at the end of the test t, before the actions that were registered earlier: a page is closed before its browser, and
 * that before the server, so that no page sees a server end. Each is called, also after one that failed. (t.after calls the
 * earliest first.)
 */
export function atEnd(t, action) {
  let stack = stacks.get(t);
  if (!stack) {
    stack = [];
    stacks.set(t, stack);
    t.after(async () => {
      const errors = [];
      while (stack.length) {
        try {
          await stack.pop()();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length === 1) throw errors[0];
      if (errors.length) throw new AggregateError(errors, 'the test ended with several errors');
    });
  }
  stack.push(action);
}
