import { yieldToEventLoop } from '../flow/yield-to-event-loop.js';

/** Bytes that are parsed at once: about a millisecond. */
const PIECE_BYTES = 65_536;
/** Bytes that are looked through at once, such as blanks. */
const SCANNED_BYTES = 1_048_576;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [SPACE, TAB, RETURN, NEWLINE] = [0x20, 0x09, 0x0d, 0x0a];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** An array or object that is open at the place reached so far. */
interface Container {
  isArray: boolean;
  /** How many commas separate its entries or members so far. */
  commas: number;
  /** Where its bracket is. */
  start: number;
  /** Where the text begins that is not parsed yet. */
  from: number;
  /** The last comma after `from`; -1: there is none. */
  comma: number;
  /** What is parsed already; null: nothing, so that a small container is parsed with the text around it. */
  value: unknown[] | Record<string, unknown> | null;
  /** Whether an open child is parsed apart; an object keeps the child's `key` then. */
  hasOpenChild: boolean;
  key: string;
  /** Whether only a comma or the end may come next: a child that was parsed apart has just ended. */
  isAfterChild: boolean;
}

/** Judges what a JSON text holds before that is parsed; each throws what refuses the text. */
export interface JsonLimits {
  /** For each object and array. @param depth 1 for the outermost */
  container(depth: number): void;
  /** For each entry of an array but its last one. */
  entry(): void;
  /** For each member of an object but its last one. @param number 1 for the object's first */
  member(number: number): void;
}

/**
 * Parses a large JSON text like `JSON.parse`, in pieces, between which other events run.
 * @throws SyntaxError, and what `limits` throws
 */
export async function parseJson(bytes: Buffer, limits: JsonLimits): Promise<unknown> {
  const open: Container[] = [];
  let top: Container | undefined;
  let root: Container | undefined;
  let end = -1;
  let isBroken = false;
  let pauseAt = SCANNED_BYTES;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (at >= pauseAt) {
      pauseAt = at + SCANNED_BYTES;
      await yieldToEventLoop();
    }
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      top = container(byte === OPEN_ARRAY, at);
      limits.container(open.push(top));
      if (root) isBroken ||= end >= 0;
      else root = top;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      if (!top || top.isArray !== (byte === CLOSE_ARRAY)) throw new SyntaxError('unbalanced');
      if (top.value !== null) endOf(bytes, top, at);
      const ended = open.pop()!;
      top = open.at(-1);
      if (!top) end = at;
      else if (top.hasOpenChild) attach(top, ended.value, at);
    } else if (byte === COMMA && top) {
      top.commas++;
      if (top.isArray) limits.entry();
      else limits.member(top.commas);
      if (top.isAfterChild) {
        expectBlank(bytes, top.from, at);
        Object.assign(top, { from: at + 1, isAfterChild: false });
      } else {
        top.comma = at;
        if (at - top.from > PIECE_BYTES && !isBroken) {
          for (let n = open.length - 2; n >= 0 && !open[n]!.hasOpenChild; n--)
            setApart(bytes, open[n]!, open[n + 1]!.start);
          take(bytes, top);
          await yieldToEventLoop();
        }
      }
    }
  }
  if (isBroken) throw new SyntaxError('two values');
  if (!root?.value) return JSON.parse(bytes.toString('utf8'));
  expectBlank(bytes, 0, root.start);
  expectBlank(bytes, end < 0 ? 0 : end + 1, bytes.length);
  return root.value;
}

function container(isArray: boolean, start: number): Container {
  const nothing = { comma: -1, value: null, hasOpenChild: false, key: '', isAfterChild: false };
  return { isArray, commas: 0, start, from: start + 1, ...nothing };
}

/** @returns where its second quotation mark is */
function endOfString(bytes: Buffer, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  throw new SyntaxError('a string without an end');
}

/** Parses the text up to the container's last comma. */
function take(bytes: Buffer, container: Container): void {
  if (container.comma < 0) return;
  append(bytes, container, container.comma);
  container.from = container.comma + 1;
  container.comma = -1;
}

/** Parses what comes before an open child, which will be attached when it ends. */
function setApart(bytes: Buffer, parent: Container, childStart: number): void {
  take(bytes, parent);
  parent.value ??= parent.isArray ? [] : {};
  parent.hasOpenChild = true;
  if (parent.isArray) {
    expectBlank(bytes, parent.from, childStart);
  } else {
    const member = JSON.parse(`{${bytes.toString('utf8', parent.from, childStart)}null}`) as object;
    parent.key = Object.keys(member)[0]!;
  }
}

function attach(parent: Container, child: unknown, at: number): void {
  if (parent.isArray) (parent.value as unknown[]).push(child);
  else put(parent.value as Record<string, unknown>, parent.key, child);
  Object.assign(parent, { from: at + 1, comma: -1, hasOpenChild: false, isAfterChild: true });
}

function endOf(bytes: Buffer, container: Container, at: number): void {
  if (container.isAfterChild) expectBlank(bytes, container.from, at);
  else append(bytes, container, at);
}

/** Parses the entries or members from `from` to `until`, of which there must be one at least. */
function append(bytes: Buffer, container: Container, until: number): void {
  const text = bytes.toString('utf8', container.from, until);
  if (container.isArray) {
    const entries = JSON.parse(`[${text}]`) as unknown[];
    if (entries.length === 0) throw new SyntaxError('a comma too many');
    const array = (container.value ??= []) as unknown[];
    for (const entry of entries) array.push(entry);
  } else {
    const members = Object.entries(JSON.parse(`{${text}}`) as object);
    if (members.length === 0) throw new SyntaxError('a comma too many');
    const object = (container.value ??= {}) as Record<string, unknown>;
    for (const [key, value] of members) put(object, key, value);
  }
}

/** Sets a member as `JSON.parse` does: `__proto__` is an ordinary one. */
function put(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function expectBlank(bytes: Buffer, from: number, until: number): void {
  for (let at = from; at < until; at++) {
    const byte = bytes[at];
    if (byte !== SPACE && byte !== NEWLINE && byte !== RETURN && byte !== TAB)
      throw new SyntaxError('no comma');
  }
}
