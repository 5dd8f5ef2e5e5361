import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities';
import { createClient as createSocketClient } from 'graphql-ws';

/** Where the server is; `?server=` names another. */
export const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:8080';

/** How subscriptions travel: over a WebSocket beside HTTP, or as a multipart response, over HTTP alone. */
export type Subscriptions = 'websocket' | 'multipart';

/** A client that acts as the connection with this access token, or as a guest where there is none. */
export function createClient(subscriptions: Subscriptions, accessToken?: string): ApolloClient {
  const authorization = accessToken && `Bearer ${accessToken}`;
  const http = new HttpLink({ uri: `${server}/graphql`, headers: authorization ? { authorization } : {} });
  return new ApolloClient({
    link: subscriptions === 'multipart' ? http : ApolloLink.split(isSubscription, socketLink(authorization), http),
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { chatEntries: relayStylePagination() } } },
    }),
  });
}

function isSubscription({ query }: ApolloLink.Operation): boolean {
  const definition = getMainDefinition(query);
  return definition.kind === 'OperationDefinition' && definition.operation === 'subscription';
}

function socketLink(authorization: string | undefined): ApolloLink {
  return new GraphQLWsLink(
    createSocketClient({
      url: `${server.replace(/^http/, 'ws')}/graphql`,
      connectionParams: authorization ? { Authorization: authorization } : {},
      retryAttempts: Infinity,
      shouldRetry: () => true,
    }),
  );
}
