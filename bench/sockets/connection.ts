/** An open connection of any protocol. */
export interface Connection {
  /** Pings the server. @returns ms until the answer; undefined method: the protocol has no ping */
  ping?(n: number): Promise<number>;
  close(): void;
}
