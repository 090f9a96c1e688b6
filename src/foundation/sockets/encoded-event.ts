import type { ClientSocket } from './client-socket.js';

/** An event that is encoded once and takes its memory once, however many clients get it. */
export class EncodedEvent {
  private readonly packet: string;
  private readonly frame: Buffer;

  /** @param payload as JSON text */
  constructor(name: string, payload: string) {
    // Of Socket.IO, "2" is an event; of Engine.IO, "4" is a message.
    this.packet = `2[${JSON.stringify(name)},${payload}]`;
    this.frame = textFrame(`4${this.packet}`);
  }

  /** Sends it to a client of the namespace `/`. */
  sendTo({ conn }: ClientSocket): void {
    // As Socket.IO's own broadcasts do; the option is missing in its types.
    const options = { wsPreEncodedFrame: [this.frame] };
    conn.write(this.packet, options as object);
  }
}

/** A whole text as one unmasked WebSocket frame (RFC 6455, 5.2). */
function textFrame(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const lengthBytes = bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8;
  const frame = Buffer.allocUnsafeSlow(2 + lengthBytes + bytes);
  frame[0] = 0x81;
  frame[1] = lengthBytes === 0 ? bytes : lengthBytes === 2 ? 126 : 127;
  if (lengthBytes === 2) frame.writeUInt16BE(bytes, 2);
  if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(bytes), 2);
  frame.write(text, 2 + lengthBytes);
  return frame;
}
