// The numbers, texts and values of which a body of changes is made; see changes-codec.ts.

/** A cell's value: a bigint is an INTEGER (64 bits), a number a REAL, a Uint8Array a BLOB. */
export type ChangeValue = null | bigint | number | string | Uint8Array;

/** A body that is not well formed. */
export class ChangesFormatError extends Error {
  override readonly name = 'ChangesFormatError';

  /** @param row the row's place in the body, from 0; null: not in a row */
  constructor(
    readonly rule: string,
    readonly row: number | null,
  ) {
    super(row === null ? `${rule}.` : `${rule}, in row ${row}.`);
  }
}

/** A body with more rows than its reader takes. */
export class TooManyRows extends ChangesFormatError {}

const NULL = 0;
const INTEGER = 1;
const REAL = 2;
const TEXT = 3;
const BLOB = 4;
/** Below this size, zigzag numbers are exact as JavaScript numbers. */
const SMALL = 2n ** 51n;
const MAX_U64 = 2n ** 64n - 1n;

/** Reads the parts of a body one after another. @throws ChangesFormatError from every method */
export class ByteReader {
  row: number | null = null;
  private at = 0;
  private readonly view: DataView;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(private readonly body: Uint8Array) {
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  }

  get left(): number {
    return this.body.length - this.at;
  }

  fault(rule: string): ChangesFormatError {
    return new ChangesFormatError(rule, this.row);
  }

  byte(): number {
    if (this.left < 1) throw this.fault('The body ends early');
    return this.body[this.at++]!;
  }

  bytes(length: number): Uint8Array {
    if (length > this.left) throw this.fault('The body ends early');
    this.at += length;
    return this.body.subarray(this.at - length, this.at);
  }

  unsigned(): number {
    const start = this.at;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw this.fault('A number is too large');
      if (byte < 128) {
        this.requireShortest(byte, start);
        return value;
      }
      // 8 bytes hold 56 bits, more than a safe integer.
      if (scale >= 2 ** 49) throw this.fault('A number is too large');
    }
  }

  text(): string {
    const bytes = this.bytes(this.unsigned());
    try {
      return this.decoder.decode(bytes);
    } catch {
      throw this.fault('A text is not valid UTF-8');
    }
  }

  value(): ChangeValue {
    const type = this.byte();
    switch (type) {
      case NULL:
        return null;
      case INTEGER:
        return this.signed();
      case REAL:
        return this.real();
      case TEXT:
        return this.text();
      case BLOB:
        return this.bytes(this.unsigned());
      default:
        throw this.fault('The type of a value is not known');
    }
  }

  private real(): number {
    this.bytes(8);
    const real = this.view.getFloat64(this.at - 8);
    if (Number.isNaN(real)) throw this.fault('A real is not a number');
    return real;
  }

  private signed(): bigint {
    const start = this.at;
    let low = 0;
    // 7 bytes hold 49 bits, which are exact as a JavaScript number and far faster.
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.byte();
      low += (byte & 127) * scale;
      if (byte < 128) {
        this.requireShortest(byte, start);
        return BigInt(low % 2 === 0 ? low / 2 : -(low + 1) / 2);
      }
    }
    let zigzag = BigInt(low);
    for (let shift = 49n; ; shift += 7n) {
      const byte = this.byte();
      zigzag |= BigInt(byte & 127) << shift;
      if (zigzag > MAX_U64 || shift > 63n) throw this.fault('A number is too large');
      if (byte >= 128) continue;
      this.requireShortest(byte, start);
      return zigzag & 1n ? -((zigzag + 1n) >> 1n) : zigzag >> 1n;
    }
  }

  private requireShortest(lastByte: number, start: number): void {
    if (lastByte === 0 && this.at - start > 1) throw this.fault('A number is longer than it must be');
  }
}

/** Writes the parts of a body one after another. */
export class ByteWriter {
  length = 0;
  private buffer = new Uint8Array(1024);
  private view = new DataView(this.buffer.buffer);
  private readonly encoder = new TextEncoder();

  written(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  byte(byte: number): void {
    this.reserve(1);
    this.buffer[this.length++] = byte;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  sized(bytes: Uint8Array): void {
    this.unsigned(bytes.length);
    this.raw(bytes);
  }

  text(text: string): void {
    this.sized(this.encoder.encode(text));
  }

  unsigned(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`${value} is not an unsigned integer.`);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) + 128);
    this.byte(rest);
  }

  value(value: ChangeValue): void {
    if (value === null) {
      this.byte(NULL);
    } else if (typeof value === 'bigint') {
      this.byte(INTEGER);
      this.signed(value);
    } else if (typeof value === 'number') {
      this.byte(REAL);
      this.reserve(8);
      this.view.setFloat64(this.length, value);
      this.length += 8;
    } else if (typeof value === 'string') {
      this.byte(TEXT);
      this.text(value);
    } else {
      this.byte(BLOB);
      this.sized(value);
    }
  }

  private signed(value: bigint): void {
    const isNegative = value < 0n;
    if (value < SMALL && value > -SMALL) {
      const small = Number(value);
      this.unsigned(isNegative ? -2 * small - 1 : 2 * small);
      return;
    }
    let rest = isNegative ? -2n * value - 1n : 2n * value;
    if (rest > MAX_U64) throw new RangeError(`${value} has more than 64 bits.`);
    for (; rest >= 128n; rest >>= 7n) this.byte(Number(rest & 127n) | 128);
    this.byte(Number(rest));
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + bytes));
    grown.set(this.buffer);
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}
