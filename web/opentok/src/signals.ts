// How OpenTok's signals travel as ours. Text goes as it is, so that every ChatTok client reads it. Any other JSON goes as
// text under a type that ends in `.json`, and a signal without a type under `.text` or `.json` alone: types of OpenTok have
// no dot.
import { codes, OTError } from './errors.ts';

const jsonSuffix = '.json';
const noType = '.text';

/** The limits, in bytes. */
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

/** Throws an OTError where a property is none that OpenTok allows. */
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
      // another client's own type and text
    }
  }
  return { type, data: data ?? undefined };
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
