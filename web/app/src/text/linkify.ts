// Finds the addresses in a text. Nothing here makes markup: the parts become text nodes and anchors.
import { honestHost } from './host';

/** A piece of a text; `href` where it is an address. */
export interface Part {
  readonly text: string;
  readonly href?: string;
}

/** Characters that an address has at most; what is longer stays text. */
const addressLimit = 2_048;

// http and https alone: javascript:, data: and the like are text. White space, quotes, and what is not to be seen (\p{C}:
// marks of direction among them) end an address, and so does the punctuation of scripts that write without spaces.
const begin = /\b(?:https?:\/\/|www\.)/giu;
const end = /[\s\p{C}\p{Z}<>"'`‘’“”«»\u3001-\u3003\u3008-\u3020\u30fb\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b-\uff65\u060c\u061b\u061f\u06d4\u0964\u0965\u2026]/u;

/** Letters of scripts whose words follow an address without a space. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Arabic}\p{Script=Hebrew}]/u;
const plain = /[A-Za-z0-9]/;

/** Splits a text into plain parts and addresses; joined again they are the text, but where a host is not what it seems. */
export function linkify(text: string): Part[] {
  const parts: Part[] = [];
  let done = 0;
  let read = 0; // nothing is read twice, so that a text made of beginnings costs no more than another
  for (const match of text.matchAll(begin)) {
    if (match.index < read) continue;
    const reached = reach(text, match.index, match.index + match[0].length);
    read = match.index + reached.length;
    const found = trim(reached);
    const link = toLink(found);
    if (link === undefined) continue;
    if (match.index > done) parts.push({ text: text.slice(done, match.index) });
    parts.push(link);
    done = match.index + found.length;
  }
  if (done < text.length) parts.push({ text: text.slice(done) });
  return parts;
}

/** The stretch of a text that may be the address that begins there. It reads no further than an address can be long. */
function reach(text: string, from: number, start: number): string {
  let at = start;
  let inHost = true;
  let rooted = false; // only the root's slash was read after the host
  while (at < text.length && at - from <= addressLimit) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (end.test(character)) break;
    const before = text[at - 1] ?? '';
    // A host, or a path that had something in it, may be written in such a script; what follows a Latin letter, or a bare
    // host's slash, goes on with the sentence.
    if (unspaced.test(character) && (plain.test(before) || rooted)) break;
    if (inHost && '/?#'.includes(character)) {
      inHost = false;
      rooted = character === '/';
    } else {
      rooted = false;
    }
    at += character.length;
  }
  return text.slice(from, at);
}

/** Takes away what closes the sentence rather than the address; a bracket belongs to it where it was opened in it. */
function trim(found: string): string {
  const open = { ')': 0, ']': 0 }; // how many more are closed than opened
  for (const character of found) {
    if (character === ')') open[')']++;
    else if (character === '(') open[')']--;
    else if (character === ']') open[']']++;
    else if (character === '[') open[']']--;
  }
  let length = found.length;
  for (; length > 0; length--) {
    const last = found[length - 1] ?? '';
    if (last === ')' || last === ']') {
      if (open[last] <= 0) break;
      open[last]--;
    } else if (!'.,:;!?…*_'.includes(last)) {
      break;
    }
  }
  return found.slice(0, length);
}

function toLink(text: string): Part | undefined {
  if (text.length > addressLimit) return undefined;
  const full = /^www\./i.test(text) ? `https://${text}` : text;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  // A user and password before the host are how an address pretends to lead elsewhere.
  if (url.username !== '' || url.password !== '' || url.hostname.length < 2) return undefined;
  const written = full.slice(full.indexOf('//') + 2).split(/[/?#]/, 1)[0] ?? '';
  // Where the host is not what it seems, the address is shown as the browser takes it, in ASCII.
  return { text: honestHost(written, url.host) ? text : url.href, href: url.href };
}
