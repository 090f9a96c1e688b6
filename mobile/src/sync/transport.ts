/** One HTTP request as the sync makes it. */
export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | Blob;
  signal: AbortSignal;
  /** Told when bytes of the body have left, where the platform knows. */
  onSent?(bytes: number, totalBytes: number | null): void;
  /** Told when the answer begins. */
  onHeaders?(header: (name: string) => string | null): void;
  /** Told of each piece of the answer as it arrives. `totalBytes` is null for compressed or chunked answers. */
  onReceived?(piece: string, totalBytes: number | null): void;
}

/** The whole answer; its body is read as text. */
export interface HttpAnswer {
  status: number;
  body: string;
  header(name: string): string | null;
}

/** Makes one HTTP request. @throws whatever the platform throws when there is no answer, or it was aborted */
export type Transport = (request: HttpRequest) => Promise<HttpAnswer>;
