// A current DOMPurify in place of the old copy inside Monaco; see vite.config.js.
import purify from 'dompurify';

export const { addHook, removeHook, sanitize, version } = purify;
