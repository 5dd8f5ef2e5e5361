/** The server's address; `?server=` in the page's address overrides it. */
export const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:8080';
