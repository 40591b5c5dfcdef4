/** Why there was no response, as far as the codes of Node and of OpenSSL tell. */
import { codeOf } from "../store/text.js";
import type { TransportFailure } from "../types.js";
import { NotConnected } from "./connect.js";
import { BadProxy, type Proxy } from "./proxy.js";

/** What a request by this way comes to that ended in `error`. */
export function failureOf(error: unknown, proxy: Proxy | undefined): TransportFailure {
  if (error instanceof BadProxy) return "bad_proxy";
  const causes = causesOf(error);
  if (!causes.some((cause) => cause instanceof NotConnected)) return "broken";
  const codes = causes.map((cause) => codeOf(cause) ?? "");
  const handshake = codes.map(handshakeFailure).find(Boolean);
  // What could not be connected to is the proxy, or what is behind it.
  return handshake ?? (proxy ? { proxy: proxy.shown } : "connect");
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
    default:
      return /CERT|CRL|^EPROTO$|^ERR_(TLS|SSL|OSSL)_|^ERR_BORINGSSL$|^UNABLE_TO_|PURPOSE/.test(code) ? "tls" : undefined;
  }
}
