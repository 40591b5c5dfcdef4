/** HTTP requests as the core describes them: sent as given, followed nowhere. */
import { readFileSync } from "node:fs";
import * as tls from "node:tls";

import type { Dispatcher } from "undici";

import type { About } from "./core.js";
import { codeOf } from "./store/text.js";
import type { Event, HttpRequest, TransportFailure } from "./types.js";

/**
 * How long a connection is kept for the next request, in milliseconds: for requests in a row, but
 * not from one poll to the next, when the server may just be closing it.
 */
const IDLE_MS = 2000;

/** The connections of one job, made when they are first needed. */
export class Http {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #limits: About;
  #remote: Promise<Dispatcher> | undefined;
  #local: Promise<Dispatcher> | undefined;

  constructor(environment: NodeJS.ProcessEnv, limits: About) {
    this.#environment = environment;
    this.#limits = limits;
  }

  /** Sends `request` and reads the whole answer. */
  async send(request: HttpRequest, signal: AbortSignal): Promise<Event> {
    const deadline = AbortSignal.timeout(this.#limits.total_timeout_ms);
    try {
      return await this.#exchange(request, AbortSignal.any([signal, deadline]));
    } catch (error) {
      if (signal.aborted) throw error;
      const failure = deadline.aborted ? "timeout" : failureOf(error);
      return { type: "transport_failed", failure };
    }
  }

  /** Lets go of what is still open. */
  async close(): Promise<void> {
    const open = [this.#remote, this.#local];
    this.#remote = this.#local = undefined;
    for (const dispatcher of open) {
      // One that could not be made (an address of a proxy that is none) has been told of.
      const made = await dispatcher?.catch(() => undefined);
      await made?.close();
    }
  }

  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<Event> {
    const url = new URL(request.url);
    const dispatcher =
      url.protocol === "https:"
        ? await (this.#remote ??= this.#connectRemote())
        : await (this.#local ??= this.#connectLocal());
    // `fetch` would add headers of its own to those that the core gives.
    const { request: send } = await import("undici");
    const response = await send(url, {
      dispatcher,
      signal,
      method: request.method,
      headers: request.headers.flatMap(({ name, value }) => [name, value]),
      body: request.method === "POST" ? request.body : null,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      // Leaving the loop closes the connection.
      if (size > this.#limits.max_body_bytes) {
        return { type: "transport_failed", failure: "too_large" };
      }
      chunks.push(chunk);
    }
    const headers: [string, string][] = [];
    for (const [name, values] of Object.entries(response.headers)) {
      for (const value of [values ?? []].flat()) headers.push([name, value]);
    }
    const body = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(chunks));
    return { type: "response", status: response.statusCode, headers, body };
  }

  /** For https. */
  async #connectRemote(): Promise<Dispatcher> {
    const { EnvHttpProxyAgent } = await import("undici");
    const variable = (...names: string[]): string =>
      names.map((name) => this.#environment[name]).find(Boolean) ?? "";
    return new EnvHttpProxyAgent({
      // For plain http there is none. An empty text keeps it from looking for itself.
      httpProxy: "",
      httpsProxy: variable("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
      noProxy: variable("no_proxy", "NO_PROXY"),
      ...this.#options(),
    });
  }

  /** For plain http, which the core asks for on this machine alone: a proxy would carry its secrets over the network. */
  async #connectLocal(): Promise<Dispatcher> {
    const { Agent } = await import("undici");
    return new Agent(this.#options());
  }

  #options(): object {
    const ca = certificates(this.#environment);
    const connect = { timeout: this.#limits.connect_timeout_ms, ...(ca && { ca }) };
    const idle = { keepAliveTimeout: IDLE_MS, keepAliveMaxTimeout: IDLE_MS };
    return { ...idle, connect, requestTls: connect, proxyTls: connect };
  }
}

/** Whom to trust: `SSL_CERT_FILE`, else the system's store where this Node knows it, else Node's own. */
function certificates(environment: NodeJS.ProcessEnv): string[] | undefined {
  const file = environment["SSL_CERT_FILE"];
  if (file) {
    try {
      return [readFileSync(file, "utf8")];
    } catch {
      return undefined;
    }
  }
  const { getCACertificates } = tls as {
    getCACertificates?: (type: "default" | "system") => string[];
  };
  return getCACertificates && [...getCACertificates("default"), ...getCACertificates("system")];
}

/** Codes of what ends before a request is on its way; an invalid URL is that of a proxy. */
const NOT_REACHED = new Set([
  "EADDRNOTAVAIL",
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOTFOUND",
  "ERR_INVALID_URL",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

function failureOf(error: unknown): TransportFailure {
  const causes = [error];
  while (causes.length < 8) {
    const last = causes.at(-1) as { cause?: unknown; errors?: unknown[] } | null | undefined;
    const next = last?.cause ?? last?.errors?.[0];
    if (next === undefined) break;
    causes.push(next);
  }
  const codes = causes.map((cause) => codeOf(cause) ?? "");
  if (codes.some((code) => NOT_REACHED.has(code))) return "connect";
  if (codes.some((code) => /CERT|^ERR_(TLS|SSL)_|^UNABLE_TO_|_SIGNATURE/.test(code))) return "tls";
  if (codes.some((code) => /TIMEOUT/.test(code))) return "timeout";
  return "broken";
}
