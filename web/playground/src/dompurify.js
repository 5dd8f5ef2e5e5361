// The DOMPurify that the editor uses, in place of the old copy that Monaco carries; see vite.config.js.
import purify from 'dompurify';

export const { addHook, removeHook, sanitize, version } = purify;
