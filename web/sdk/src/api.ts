// GraphQL over HTTP. The SDK uses it before it has a WebSocket, and for requests that must survive the closing of the page.
import { giveAddress } from './address.ts';
import { ChattokError, type ErrorCode } from './errors.ts';
import type { Document } from './generated/operations.ts';
import { version } from './version.ts';

/** Request timeout, in milliseconds. */
const patience = 15_000;

/** Values of `reason` for the codes NETWORK and MISCONFIGURED; the connector compares with them. */
export const unreachable = 'UNREACHABLE';
const wrongAddress = 'WRONG_ADDRESS';
const notChattok = 'NOT_CHATTOK';

/** A GraphQL error as the server sends it. */
export interface WireError {
  readonly message: string;
  readonly extensions?: { readonly code?: unknown; readonly reason?: string; readonly retryAfterMs?: number; readonly until?: string };
}

/** A GraphQL response body. */
export interface WireResult {
  readonly data?: unknown;
  readonly errors?: readonly WireError[];
}

/**
 * Converts the first error of a response to a ChattokError. Every error of a ChatTok server has a code, so an error without
 * one comes from some other server.
 */
export function errorOf(errors: readonly WireError[]): ChattokError {
  const { message, extensions: { code, reason, retryAfterMs, until } = {} } = errors[0] ?? { message: 'an error without a message' };
  if (olderThanScript(code, message)) return oldServer(message);
  if (typeof code !== 'string') return new ChattokError('INTERNAL', message, { reason: notChattok });
  return new ChattokError(code as ErrorCode, message, { reason, retryAfterMs, until });
}

/** Returns the data of a result, or throws its first error. */
export function dataOf<Data>(result: WireResult): Data {
  if (result.errors?.length) throw errorOf(result.errors);
  if (result.data === null || result.data === undefined) throw new ChattokError('INTERNAL', 'no data');
  return result.data as Data;
}

/**
 * Converts any thrown value to a ChattokError. The check is by name, because a page may have loaded two copies of this
 * script, with two classes.
 */
export function asError(cause: unknown): ChattokError {
  if (cause instanceof Error && cause.name === 'ChattokError') return cause as ChattokError;
  return new ChattokError('NETWORK', cause instanceof Error ? cause.message : String(cause), { cause });
}

/**
 * Reports whether an error means that the server's schema lacks the operation: the server is not ChatTok, or is older than
 * this script.
 */
export function unknownToSchema({ code, reason }: ChattokError): boolean {
  return code.startsWith('GRAPHQL_') || reason === notChattok;
}

/**
 * Reports whether an error means that a ChatTok server is older than this script: it has the operation `connect`, but not all
 * fields and arguments that this script asks for.
 */
function olderThanScript(code: unknown, message: string): boolean {
  return code === 'GRAPHQL_VALIDATION_FAILED' && /^(Cannot query field|Unknown (argument|type)) "(?!connect" on type)/.test(message);
}

/** Returns the error that a page is told while its server is older than this script. It passes with the server's update. */
export function oldServer(message: string): ChattokError {
  return new ChattokError('UNAVAILABLE', `the server is older than this script (${message})`, {
    reason: 'OLD_SERVER',
    cure: "update the server, or load its sdk/chattok.js",
  });
}

export interface PostOptions {
  accessToken?: string | undefined;
  keepalive?: boolean;
  /** Aborts the request before its timeout. */
  abort?: AbortController;
}

/**
 * Sends an operation by HTTP POST. Rejects with the server's error, with NETWORK if no response arrives within 15 seconds,
 * and with MISCONFIGURED if the response is not that of a GraphQL endpoint.
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
        'chattok-sdk': version,
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

/** Parses a response body. Throws if the body is not a GraphQL result. */
function resultOf(endpoint: URL, { status, headers }: Response, text: string): WireResult {
  let result: WireResult | null = null;
  try {
    result = JSON.parse(text) as WireResult | null;
  } catch {
    // Not JSON; handled below.
  }
  if (result?.data !== undefined || Array.isArray(result?.errors)) return result;
  const answered = `${endpoint.href} answered ${status} and not as a GraphQL endpoint`;
  if (status === 429) {
    const seconds = Number(headers.get('retry-after') ?? NaN);
    throw new ChattokError('RATE_LIMITED', answered, { retryAfterMs: seconds >= 0 ? seconds * 1_000 : undefined });
  }
  if (status >= 500 || status === 408 || status === 425) throw new ChattokError('NETWORK', answered); // usually from a proxy, and temporary
  throw new ChattokError('MISCONFIGURED', answered, {
    reason: wrongAddress,
    cure: giveAddress,
  });
}
