import type { Inside } from '../model/inside';
import { nameOf } from '../model/meeting';

/** Number of names that are shown when there are more people. */
const named = 2;

/** A line that tells who is in the session; empty while that is not known. */
export function WhoIsInside({ inside }: { inside: Inside | undefined }) {
  return <p class="prejoin-inside">{inside !== undefined && inWords(inside)}</p>;
}

function inWords({ connections, count }: Inside): string {
  if (count === 0) return 'Nobody is here yet.';
  const all = count <= named + 1 && connections.length === count;
  const names = connections.slice(0, all ? count : named).map(nameOf);
  if (!all) names.push(`${count - names.length} others`);
  const last = names.pop();
  return names.length === 0 ? `${last} is here.` : `${names.join(', ')} and ${last} are here.`;
}
