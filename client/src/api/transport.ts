/** One HTTP request of the sync. */
export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | Blob;
  signal: AbortSignal;
  /** Called when bytes of the body have been sent, if the platform reports it. */
  onSent?(bytes: number, totalBytes: number | null): void;
  /** Called when the answer's headers have arrived. */
  onHeaders?(header: (name: string) => string | null): void;
  /** Called with each piece of the answer as it arrives. `totalBytes` is null for compressed or chunked answers. */
  onReceived?(piece: string, totalBytes: number | null): void;
}

/** The whole answer; its body is read as text. */
export interface HttpAnswer {
  status: number;
  body: string;
  header(name: string): string | null;
}

/** Makes one HTTP request. @throws the platform's error when there is no answer or the request was aborted */
export type Transport = (request: HttpRequest) => Promise<HttpAnswer>;
