/** The mark "(you)" beside the user's own name. Its style differs from a name's, and cleanName removes imitations. */
export function You() {
  return (
    <>
      {' '}
      <span class="you">(you)</span>
    </>
  );
}
