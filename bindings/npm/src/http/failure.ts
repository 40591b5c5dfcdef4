/** Why there was no response, as far as the codes of Node and of OpenSSL tell. */
import { codeOf } from "../store/text.js";
import type { TransportFailure } from "../types.js";
import { NotConnected, ProxyRefused } from "./connect.js";
import { BadProxy, type Proxy } from "./proxy.js";

/** A request failed because of a bug, in this package or a library, and not of the network. */
export class UnexpectedFailure extends Error {
  override readonly name = "UnexpectedFailure";

  constructor(cause: unknown) {
    super("A request failed for an unexpected reason. Please report this, with the cause below.", { cause });
  }
}

/** Returns a sentence that names a bug by its type and code; its own words may hold a token. */
export function noteOf(error: unknown): string {
  const cause = error instanceof UnexpectedFailure ? error.cause : error;
  const code = codeOf(cause);
  const name = [cause instanceof Error ? cause.name : typeof cause, ...(code ? [code] : [])].join(" ");
  return `A request failed for an unexpected reason (${name}). Please report this.`;
}

/**
 * Returns the failure of a request by this way that ended in `error`.
 *
 * @throws UnexpectedFailure where nothing in `error` is known to come from a connection.
 */
export function failureOf(error: unknown, proxy: Proxy | undefined): TransportFailure {
  if (error instanceof BadProxy) return "bad_proxy";
  const causes = causesOf(error);
  const codes = causes.map((cause) => codeOf(cause) ?? "");
  if (!codes.some(isOfConnection) && !causes.some(isNoHttp)) throw new UnexpectedFailure(error);
  if (!causes.some((cause) => cause instanceof NotConnected)) return "broken";
  const handshake = codes.map(handshakeFailure).find(Boolean);
  // What could not be connected to is the proxy, or what is behind it.
  return handshake ?? (proxy ? { proxy: proxy.shown } : "connect");
}

/** Recognizes invalid HTTP, for which undici has no code, and a proxy's refusal. */
function isNoHttp(cause: unknown): boolean {
  return cause instanceof ProxyRefused || (cause as Error | null | undefined)?.name === "HTTPParserError";
}

/** Tells if a connection can fail with this code. */
function isOfConnection(code: string): boolean {
  return (
    // Those of the system and of its resolver: `ECONNRESET`, `EAI_AGAIN`.
    /^E(?!RR_)[A-Z0-9_]+$/.test(code) ||
    // Those of llhttp and of undici, but for the ones that say that it was called wrongly.
    /^HPE_|^UND_ERR_(?!INVALID_|NOT_SUPPORTED|REQ_)/.test(code) ||
    /^ERR_(STREAM_PREMATURE_CLOSE|SOCKET_CLOSED|SOCKET_CONNECTION_TIMEOUT)/.test(code) ||
    handshakeFailure(code) !== undefined
  );
}

function causesOf(error: unknown): unknown[] {
  const causes = [error];
  while (causes.length < 8) {
    const last = causes.at(-1) as { cause?: unknown; errors?: unknown[] } | null | undefined;
    const next = last?.cause ?? last?.errors?.[0];
    if (next === undefined) break;
    causes.push(next);
  }
  return causes;
}

function handshakeFailure(code: string): TransportFailure | undefined {
  switch (code) {
    case "CERT_SIGNATURE_FAILURE":
    case "CERT_UNTRUSTED":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "unknown_authority";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
    case "HOSTNAME_MISMATCH":
      return "wrong_name";
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return "out_of_date";
    // Those of OpenSSL's verdicts on a chain whose names say nothing of certificates.
    case "INVALID_CA":
    case "PATH_LENGTH_EXCEEDED":
    case "OUT_OF_MEM":
    case "UNSPECIFIED":
      return "tls";
    default:
      return /CERT|CRL|^EPROTO$|^ERR_(TLS|SSL|OSSL)_|^ERR_BORINGSSL$|^UNABLE_TO_|PURPOSE/.test(code) ? "tls" : undefined;
  }
}
