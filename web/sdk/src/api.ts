// Operations over HTTP: what comes before a socket, and what must outlive the page.
import { ChattokError, type ErrorCode } from './errors.ts';
import type { Document } from './generated/operations.ts';

/** How long an answer may take, in milliseconds. */
const patience = 15_000;

/** A GraphQL error as it travels. */
export interface WireError {
  readonly message: string;
  readonly extensions?: { readonly code?: unknown; readonly reason?: unknown };
}

/** A GraphQL result as it travels. */
export interface WireResult {
  readonly data?: unknown;
  readonly errors?: readonly WireError[];
}

/** The first of an answer's errors as one of ours. */
export function errorOf(errors: readonly WireError[]): ChattokError {
  const { message, extensions } = errors[0] ?? { message: 'an error without a message' };
  const code = typeof extensions?.code === 'string' ? (extensions.code as ErrorCode) : 'INTERNAL';
  return new ChattokError(code, message, {
    reason: typeof extensions?.reason === 'string' ? extensions.reason : undefined,
  });
}

/** The data of a result. Throws where it has errors. */
export function dataOf<Data>(result: WireResult): Data {
  if (result.errors?.length) throw errorOf(result.errors);
  if (result.data === null || result.data === undefined) throw new ChattokError('INTERNAL', 'an answer without data');
  return result.data as Data;
}

/** Whatever was thrown, as one of ours. */
export function asError(cause: unknown): ChattokError {
  if (cause instanceof ChattokError) return cause;
  return new ChattokError('NETWORK', cause instanceof Error ? cause.message : String(cause), { cause });
}

/** Runs an operation by POST. Rejects with the server's error, or with NETWORK where there is no answer. */
export async function post<Data, Variables>(
  endpoint: URL,
  query: Document<Data, Variables>,
  variables: Variables,
  options: { accessToken?: string | undefined; keepalive?: boolean } = {},
): Promise<Data> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(endpoint, {
      method: 'POST',
      credentials: 'omit',
      keepalive: options.keepalive ?? false,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(options.accessToken && { authorization: `Bearer ${options.accessToken}` }),
      },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(patience),
    });
    text = await response.text();
  } catch (cause) {
    throw new ChattokError('NETWORK', `${endpoint.href} can't be reached`, { cause });
  }
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch (cause) {
    throw new ChattokError('NETWORK', `${endpoint.href} answered ${response.status} and no JSON`, { cause });
  }
  if (typeof result !== 'object' || result === null) throw new ChattokError('NETWORK', `${endpoint.href} is no GraphQL endpoint`);
  return dataOf(result);
}
