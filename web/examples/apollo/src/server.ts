/** Where the server is; `?server=` names another. */
export const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:8080';
