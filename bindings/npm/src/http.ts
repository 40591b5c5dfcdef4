/** HTTP requests as the core describes them: sent as given, followed nowhere. */
import type { Dispatcher } from "undici";

import type { About } from "./core.js";
import { authorities } from "./http/authorities.js";
import { straight, type Terms, through } from "./http/connect.js";
import { failureOf } from "./http/failure.js";
import { type Proxy, proxyTo } from "./http/proxy.js";
import { loadUndici } from "./http/undici.js";
import { shippedCore } from "./module.js";
import type { Event, HttpRequest } from "./types.js";

/** The connections of one job, made when they are first needed. */
export class Http {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #limits: About;
  #direct: Promise<Dispatcher> | undefined;
  #proxied: Promise<Dispatcher> | undefined;
  #over = new AbortController();

  constructor(environment: NodeJS.ProcessEnv, limits: About) {
    this.#environment = environment;
    this.#limits = limits;
  }

  /** Sends `request` and reads the whole answer. */
  async send(request: HttpRequest, signal: AbortSignal): Promise<Event> {
    const { origins, url } = request;
    // Right before it is sent, whoever has decided where it goes.
    if (!shippedCore().call("is_allowed_origin", { origins, url })) {
      return { type: "transport_failed", failure: "forbidden_origin" };
    }
    const deadline = AbortSignal.timeout(this.#limits.total_timeout_ms);
    // A request that has no connection yet would not hear of it.
    const cancel = (): void => void this.close();
    signal.addEventListener("abort", cancel);
    let proxy: Proxy | undefined;
    try {
      proxy = proxyTo(new URL(request.url), this.#environment);
      const dispatcher = await this.#way(proxy);
      return await this.#exchange(request, dispatcher, AbortSignal.any([signal, deadline]));
    } catch (error) {
      if (signal.aborted) throw error;
      const failure = deadline.aborted ? "timeout" : failureOf(error, proxy);
      return { type: "transport_failed", failure };
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  /** Lets go of what is still open, or about to be: nobody waits for it any more. */
  async close(): Promise<void> {
    const open = [this.#direct, this.#proxied];
    this.#direct = this.#proxied = undefined;
    this.#over.abort();
    this.#over = new AbortController();
    for (const dispatcher of open) await (await dispatcher)?.destroy();
  }

  #way(proxy: Proxy | undefined): Promise<Dispatcher> {
    return proxy
      ? (this.#proxied ??= through(proxy, this.#terms()))
      : (this.#direct ??= straight(this.#terms()));
  }

  #terms(): Terms {
    const timeout = this.#limits.connect_timeout_ms;
    return { ca: authorities(this.#environment), timeout, over: this.#over.signal };
  }

  async #exchange(request: HttpRequest, dispatcher: Dispatcher, signal: AbortSignal): Promise<Event> {
    // `fetch` would add headers of its own to those that the core gives.
    const { request: send } = await loadUndici();
    const response = await send(request.url, {
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
}
