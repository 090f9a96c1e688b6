/** An open connection, whatever it speaks. */
export interface Connection {
  /** Milliseconds until the answer; undefined: this protocol has no such question. */
  ping?(n: number): Promise<number>;
  close(): void;
}
