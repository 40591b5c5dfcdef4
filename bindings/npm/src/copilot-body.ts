/** What a request's body says without being used up, and whether it can be sent again. */
import { MAX_LOOKED_AT } from "./auth.js";

/** A body that can be looked at as it is. */
export function textOf(body: RequestInit["body"] | undefined): string | undefined {
  if (typeof body === "string") return body;
  const isBytes = body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  // More is not looked at, and need not be made a text.
  return isBytes && body.byteLength <= MAX_LOOKED_AT ? new TextDecoder().decode(body) : undefined;
}

/** The same of a `Request`, which gives its body as a stream only: a copy of it is read. */
export async function textOfRequest(
  request: Request,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const type = request.headers.get("content-type") ?? "";
  if (!request.body || request.bodyUsed || !/\bjson\b/i.test(type)) return undefined;
  signal?.throwIfAborted();
  const reader = (request.clone().body as ReadableStream<Uint8Array>).getReader();
  // Not waited for: of two copies, the first that is given up waits for the other.
  const leave = (): void => void reader.cancel().catch(() => undefined);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    const chunks: Uint8Array[] = [];
    for (let size = 0; size <= MAX_LOOKED_AT; ) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return new TextDecoder().decode(Buffer.concat(chunks));
      size += value.length;
      chunks.push(value);
    }
    return undefined;
  } finally {
    signal?.removeEventListener("abort", leave);
    leave();
  }
}

/** Whether such a body can be sent again: a stream is gone once it was read. */
export function canRepeat(body: RequestInit["body"] | undefined): boolean {
  return (
    body == null ||
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof URLSearchParams ||
    body instanceof FormData
  );
}
