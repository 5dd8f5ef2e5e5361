// Operations over HTTP: what comes before a socket, and what must outlive the page.
import { ChattokError, type ErrorCode } from './errors.ts';
import type { Document } from './generated/operations.ts';

/** How long an answer may take, in milliseconds. */
const patience = 15_000;

/** Reasons of NETWORK and MISCONFIGURED that the connector looks at. */
export const unreachable = 'UNREACHABLE';
const wrongAddress = 'WRONG_ADDRESS';
const notChattok = 'NOT_CHATTOK';

/** A GraphQL error as it travels. */
export interface WireError {
  readonly message: string;
  readonly extensions?: { readonly code?: unknown; readonly reason?: unknown; readonly retryAfterMs?: unknown };
}

/** A GraphQL result as it travels. */
export interface WireResult {
  readonly data?: unknown;
  readonly errors?: readonly WireError[];
}

/** The first of an answer's errors as one of ours. Each of a ChatTok server has a code. */
export function errorOf(errors: readonly WireError[]): ChattokError {
  const { message, extensions: { code, reason, retryAfterMs } = {} } = errors[0] ?? { message: 'an error without a message' };
  if (typeof code !== 'string') return new ChattokError('INTERNAL', message, { reason: notChattok });
  return new ChattokError(code as ErrorCode, message, {
    reason: typeof reason === 'string' ? reason : undefined,
    retryAfterMs: typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined,
  });
}

/** The data of a result. Throws where it has errors. */
export function dataOf<Data>(result: WireResult): Data {
  if (result.errors?.length) throw errorOf(result.errors);
  if (result.data === null || result.data === undefined) throw new ChattokError('INTERNAL', 'an answer without data');
  return result.data as Data;
}

/** Whatever was thrown, as one of ours; also as one of another copy of this script. */
export function asError(cause: unknown): ChattokError {
  if (cause instanceof Error && cause.name === 'ChattokError') return cause as ChattokError;
  return new ChattokError('NETWORK', cause instanceof Error ? cause.message : String(cause), { cause });
}

/** Whether the server's schema has not what was asked for: it is another's, or older than this script. */
export function unknownToSchema({ code, reason }: ChattokError): boolean {
  return code.startsWith('GRAPHQL_') || reason === notChattok;
}

export interface PostOptions {
  accessToken?: string | undefined;
  keepalive?: boolean;
  /** Ends the request before its time. */
  abort?: AbortController;
}

/**
 * Runs an operation by POST. Rejects with the server's error, with NETWORK where there is no answer, and with MISCONFIGURED
 * where there is one that no GraphQL endpoint gives.
 */
export async function post<Data, Variables>(
  endpoint: URL,
  query: Document<Data, Variables>,
  variables: Variables,
  { accessToken, keepalive = false, abort = new AbortController() }: PostOptions = {},
): Promise<Data> {
  const timer = setTimeout(() => abort.abort(), patience);
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      credentials: 'omit',
      keepalive,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(accessToken && { authorization: `Bearer ${accessToken}` }),
      },
      body: JSON.stringify({ query, variables }),
      signal: abort.signal,
    });
    return dataOf(resultOf(endpoint, response, await response.text()));
  } catch (cause) {
    const error = asError(cause);
    if (error === cause) throw error;
    throw new ChattokError('NETWORK', `${endpoint.href} can't be reached`, { cause, reason: unreachable });
  } finally {
    clearTimeout(timer);
  }
}

/** The GraphQL result that a response is. */
function resultOf(endpoint: URL, { status, headers }: Response, text: string): WireResult {
  let result: WireResult | null = null;
  try {
    result = JSON.parse(text) as WireResult | null;
  } catch {
    // said below
  }
  if (result?.data !== undefined || Array.isArray(result?.errors)) return result;
  const answered = `${endpoint.href} answered ${status} and not as a GraphQL endpoint`;
  if (status === 429) {
    const seconds = Number(headers.get('retry-after') ?? NaN);
    throw new ChattokError('RATE_LIMITED', answered, { retryAfterMs: seconds >= 0 ? seconds * 1_000 : undefined });
  }
  if (status >= 500 || status === 408 || status === 425) throw new ChattokError('NETWORK', answered); // a proxy's, and passes
  throw new ChattokError('MISCONFIGURED', answered, {
    reason: wrongAddress,
    cure: "pass the address of the ChatTok server as url: connect({ url: 'https://chat.example/', … })",
  });
}
