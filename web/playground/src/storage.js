// GraphiQL stores its tabs in localStorage under fixed names. On an origin that served another GraphiQL before, that one's
// tabs would open here, so all names get a prefix.
const prefix = `chattok:${location.pathname}:`;

const keys = () => Object.keys(localStorage).filter((key) => key.startsWith(prefix));

/** Returns a Storage whose keys have the prefix, or null if the browser allows no storage. */
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
