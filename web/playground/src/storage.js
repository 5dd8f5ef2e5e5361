// GraphiQL keeps its tabs under fixed names in localStorage, which every page of an origin shares: on a host and port that
// served another GraphiQL before, that one's tabs would open here. So the names get a prefix of our own.
const prefix = `chattok:${location.pathname}:`;

const keys = () => Object.keys(localStorage).filter((key) => key.startsWith(prefix));

/** A Storage of our own keys, or null where the browser allows none. */
export function ownStorage() {
  try {
    localStorage.getItem(prefix);
  } catch {
    return null;
  }
  return {
    getItem: (key) => localStorage.getItem(prefix + key),
    setItem: (key, value) => localStorage.setItem(prefix + key, value),
    removeItem: (key) => localStorage.removeItem(prefix + key),
    clear: () => keys().forEach((key) => localStorage.removeItem(key)),
    get length() {
      return keys().length;
    },
  };
}
