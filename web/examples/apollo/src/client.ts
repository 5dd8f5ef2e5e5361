import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities';
import { createClient as createSocketClient } from 'graphql-ws';
import { tap } from 'rxjs';
import type { Access } from './access';
import { server } from './server';

/** The transport of subscriptions: a WebSocket beside HTTP, or multipart responses over HTTP alone. */
export type Subscriptions = 'websocket' | 'multipart';

/**
 * Makes a client that acts as the connection with this access token, or as a guest without one. `onEnded` is called with the
 * reason when that connection has ended.
 */
export function createClient(subscriptions: Subscriptions, access?: Access, onEnded?: (why: string) => void): ApolloClient {
  const http = ApolloLink.from([
    new SetContextLink(async () => ({ headers: access ? { authorization: `Bearer ${await access.token()}` } : {} })),
    new HttpLink({ uri: `${server}/graphql` }),
  ]);
  return new ApolloClient({
    link: subscriptions === 'multipart' ? http : ApolloLink.split(isSubscription, socketLink(access, onEnded), http),
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { chatEntries: relayStylePagination() } } },
    }),
  });
}

function isSubscription({ query }: ApolloLink.Operation): boolean {
  const definition = getMainDefinition(query);
  return definition.kind === 'OperationDefinition' && definition.operation === 'subscription';
}

function socketLink(access: Access | undefined, onEnded: ((why: string) => void) | undefined): ApolloLink {
  const socket = createSocketClient({
    url: `${server.replace(/^http/, 'ws')}/graphql`,
    connectionParams: async () => (access ? { Authorization: `Bearer ${await access.token()}` } : {}),
    retryAttempts: Infinity,
    shouldRetry: () => true,
    on: {
      // 4401: the connection has ended, and graphql-ws does not retry. 4403 is retried, with a new token.
      closed: (event) => {
        const { code, reason } = event as CloseEvent;
        if (code === 4401) onEnded?.(reason);
      },
    },
  });
  return ApolloLink.from([movingCursor, new GraphQLWsLink(socket)]);
}

/**
 * Passes the last cursor received as a variable. graphql-ws reads the variables again for each socket, so that a reconnection
 * gets the entries it missed, and not all of them since the page was opened.
 */
const movingCursor = new ApolloLink((operation, forward) => {
  let after: string | undefined = operation.variables['after'];
  if (after === undefined) return forward(operation);
  operation.variables = {
    ...operation.variables,
    get after() {
      return after;
    },
  };
  return forward(operation).pipe(
    tap(({ data }) => {
      after = data?.['entryAdded']?.cursor ?? after;
    }),
  );
});
