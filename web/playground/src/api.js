import { parse } from 'graphql';
import { createClient } from 'graphql-ws';

// A relative address works with any prefix, host and scheme that the page is reached by.
const endpoint = new URL('graphql', document.baseURI);

// Close code for a token that the server refused. Reconnecting is useless, since only the user can enter another token.
const closeTokenRefused = 4403;

/**
 * Returns the operation to run. After a change of tabs GraphiQL's `operationName` is outdated for a moment, so it is ignored
 * if the document has only one operation.
 */
function chosenOperation({ query, operationName }) {
  let operations;
  try {
    operations = parse(query).definitions.filter(({ kind }) => kind === 'OperationDefinition');
  } catch {
    return undefined; // the server reports the syntax error
  }
  return operations.length === 1 ? operations[0] : operations.find(({ name }) => name?.value === operationName);
}

/** Creates a GraphiQL fetcher. Subscriptions are passed to `streams`; queries and mutations are sent by POST. */
export function createFetcher(streams) {
  return (parameters, { headers = {} } = {}) => {
    const operation = chosenOperation(parameters);
    const request = operation ? { ...parameters, operationName: operation.name?.value } : parameters;
    if (operation?.operation === 'subscription') {
      return streams.observe({ title: operation.name?.value ?? 'subscription', request, headers });
    }
    if (request.operationName !== 'IntrospectionQuery') streams.forget(); // the response of an introspection is not shown
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
 * Starts a subscription on its own WebSocket, so that it always uses the present headers. The sink has the methods
 * connected(again), disconnected(), next(result), error(errors) and complete(). Returns a function that ends the
 * subscription.
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

/** Converts an error or a close event to a list of GraphQL errors. */
function describe(cause) {
  if (Array.isArray(cause)) return cause;
  if (!isClose(cause)) return [{ message: cause?.message ?? String(cause) }];
  const reason = cause.reason === '' ? 'the connection was lost' : cause.reason;
  return [{ message: `The subscription ended: ${reason} (close code ${cause.code})` }];
}
