/** The mark of oneself beside one's name. It is no part of any name, and looks like none. */
export function You() {
  return (
    <>
      {' '}
      <span class="you">(you)</span>
    </>
  );
}
