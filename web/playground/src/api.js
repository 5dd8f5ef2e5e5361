import { parse } from 'graphql';
import { createClient } from 'graphql-ws';

// The API stands beside the page, whatever prefix, host and scheme the page was reached by.
const endpoint = new URL('graphql', document.baseURI);

// The server refused the token in connection_init. A client that can renew it retries; here only the user can.
const closeTokenRefused = 4403;

/**
 * The operation that will run. GraphiQL's own idea of it lags behind the editor for a moment after a change of tabs, so
 * that a document with one operation is taken at its word.
 */
function chosenOperation({ query, operationName }) {
  let operations;
  try {
    operations = parse(query).definitions.filter(({ kind }) => kind === 'OperationDefinition');
  } catch {
    return undefined; // the server says what is wrong with it
  }
  return operations.length === 1 ? operations[0] : operations.find(({ name }) => name?.value === operationName);
}

/** A GraphiQL fetcher: subscriptions are handed to streams, the rest goes out as a POST. */
export function createFetcher(streams) {
  return (parameters, { headers = {} } = {}) => {
    const operation = chosenOperation(parameters);
    const request = operation ? { ...parameters, operationName: operation.name?.value } : parameters;
    if (operation?.operation === 'subscription') {
      return streams.observe({ title: operation.name?.value ?? 'subscription', request, headers });
    }
    if (request.operationName !== 'IntrospectionQuery') streams.forget(); // introspection is no response to show
    return post(request, headers);
  };
}

async function post(request, headers) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
      ...headers,
    },
    body: JSON.stringify(request),
  });
  if (!/[/+]json\b/.test(response.headers.get('content-type') ?? '')) {
    throw new Error(`HTTP ${response.status} ${response.statusText}: ${(await response.text()).slice(0, 500)}`);
  }
  return response.json();
}

/**
 * Starts a subscription on a socket of its own, so that a changed header always means a new connection.
 * sink: connected(again), disconnected(), next(result), error(cause), complete(). Returns what ends it.
 */
export function subscribe({ request, headers }, sink) {
  const url = new URL(endpoint);
  url.protocol = url.protocol.replace('http', 'ws');
  const authorization = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  const client = createClient({
    url: url.href,
    connectionParams: authorization === undefined ? undefined : { Authorization: authorization },
    shouldRetry: (cause) => isClose(cause) && cause.code !== closeTokenRefused,
    on: {
      connected: (_socket, _payload, again) => sink.connected(again),
      closed: () => sink.disconnected(),
    },
  });
  const unsubscribe = client.subscribe(request, {
    next: sink.next,
    error: (cause) => sink.error(describe(cause)),
    complete: sink.complete,
  });
  return () => {
    unsubscribe();
    client.dispose();
  };
}

const isClose = (cause) => typeof cause === 'object' && cause !== null && 'code' in cause && 'reason' in cause;

/** What went wrong, as a list of errors in the shape that GraphQL gives them. */
function describe(cause) {
  if (Array.isArray(cause)) return cause;
  if (!isClose(cause)) return [{ message: cause?.message ?? String(cause) }];
  const reason = cause.reason === '' ? 'the connection was lost' : cause.reason;
  return [{ message: `The subscription ended: ${reason} (close code ${cause.code})` }];
}
