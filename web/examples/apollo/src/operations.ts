import { gql, type TypedDocumentNode } from '@apollo/client';
import type { Granted } from './access';

export interface Entry {
  id: string;
  seq: number;
  cursor: string;
  connectionId: string;
  body: string;
  createdAt: string;
  connection: { id: string; data: string | null };
}

export interface Entries {
  chatEntries: {
    edges: { cursor: string; node: Entry }[];
    pageInfo: { hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  };
}

const ENTRY = gql`
  fragment EntryParts on ChatEntry {
    id
    seq
    cursor
    connectionId
    body
    createdAt
    connection {
      id
      data
    }
  }
`;

export const CONNECT: TypedDocumentNode<
  { connect: Granted & { connection: { id: string } } },
  { sessionId: string; data: string }
> = gql`
  mutation Connect($sessionId: ID!, $data: String!) {
    connect(sessionId: $sessionId, data: $data) {
      accessToken
      expiresAt
      connection {
        id
      }
    }
  }
`;

/** The newest page of entries, or with `before` the one before a cursor. */
export const ENTRIES: TypedDocumentNode<Entries, { last: number; before?: string | null }> = gql`
  query Entries($last: Int!, $before: String) {
    chatEntries(last: $last, before: $before) {
      edges {
        cursor
        node {
          ...EntryParts
        }
      }
      pageInfo {
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
  ${ENTRY}
`;

export const ENTRY_ADDED: TypedDocumentNode<{ entryAdded: Entry }, { after: string }> = gql`
  subscription EntryAdded($after: String!) {
    entryAdded(after: $after) {
      ...EntryParts
    }
  }
  ${ENTRY}
`;

export const ADD_ENTRY: TypedDocumentNode<
  { addChatEntry: Entry },
  { connectionId: string; body: string; key: string }
> = gql`
  mutation AddEntry($connectionId: ID!, $body: String!, $key: ID!) {
    addChatEntry(connectionId: $connectionId, body: $body, idempotencyKey: $key) {
      ...EntryParts
    }
  }
  ${ENTRY}
`;
