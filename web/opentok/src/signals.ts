// The encoding of OpenTok's signals as ChatTok's. Text is sent unchanged, so that every ChatTok client can read it. Other data is
// sent as JSON text under a type with the suffix `.json`, and a signal without a type as `.text` or `.json`: types of OpenTok
// contain no dot.
import { codes, OTError } from './errors.ts';

const jsonSuffix = '.json';
const noType = '.text';

/** The limits of a signal's type and data, in bytes. */
const maxType = 128;
const maxData = 8192;

export interface SignalProperties {
  type?: string | undefined;
  data?: unknown;
}

export interface Wire {
  readonly type: string;
  readonly data: string | undefined;
}

/** Encodes a signal. Throws an OTError for a type or data that OpenTok does not allow. */
export function encode({ type = '', data }: SignalProperties): Wire {
  if (typeof type !== 'string' || !/^[\w.~-]*$/.test(type)) {
    throw new OTError('OT_INVALID_PARAMETER', 'the type of a signal may have letters, numbers, and the characters - _ ~ and .', codes.signalInvalid);
  }
  const text = typeof data === 'string' || data === undefined;
  const body = text ? data : JSON.stringify(data);
  if (!text && body === undefined) throw new OTError('OT_INVALID_PARAMETER', 'the data of a signal is no JSON', codes.signalInvalid);
  const wire = text ? type || noType : type + jsonSuffix;
  if (bytes(wire) > maxType) throw new OTError('OT_INVALID_PARAMETER', `the type of a signal may have ${maxType} bytes`, codes.signalTooLong);
  if (body !== undefined && bytes(body) > maxData) {
    throw new OTError('OT_INVALID_PARAMETER', `the data of a signal may have ${maxData} bytes, but has ${bytes(body)}`, codes.signalTooLong);
  }
  return { type: wire, data: body };
}

export function decode(type: string, data: string | null): { type: string; data: unknown } {
  if (type === noType) return { type: '', data: data ?? undefined };
  if (type.endsWith(jsonSuffix) && data !== null) {
    try {
      return { type: type.slice(0, -jsonSuffix.length), data: JSON.parse(data) as unknown };
    } catch {
      // a type of another client that happens to end like this
    }
  }
  return { type, data: data ?? undefined };
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
