/**
 * The loopback server that a browser comes back to (RFC 8252, 7.3 and 8.3).
 *
 * It listens on 127.0.0.1 only, takes GET requests of one path, and answers a browser once the
 * flow has ended, so that the page never claims more than is true.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { htmlOf, statusOf, type Page } from "./page.js";

/** How long a connection may take to send its request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;
/** How long a page that is under way is waited for at the end, in milliseconds. */
const LINGER_MS = 500;
/** The longest request head, in bytes. */
const MAX_HEAD_BYTES = 8192;
/** How many browsers may be there at once. */
const MAX_CONNECTIONS = 16;

/** Whether a query is the answer that is waited for. */
type Check = (query: string) => boolean;

/** A browser that brought the answer and waits for its page. */
export interface Visit {
  readonly query: string;
  /** Answers the browser; done when the page is on its way. */
  answer(page: Page): Promise<void>;
}

export class Callback {
  readonly #server: Server;
  readonly #path: string;
  #waiting: { check: Check; came: (visit: Visit) => void } | undefined;

  private constructor(path: string) {
    this.#path = path;
    const options = { maxHeaderSize: MAX_HEAD_BYTES, headersTimeout: REQUEST_TIMEOUT_MS };
    this.#server = createServer({ ...options, requestTimeout: REQUEST_TIMEOUT_MS }, (...exchange) =>
      this.#serve(...exchange),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    // A connection that cannot be taken is no reason to end the program.
    this.#server.on("error", () => undefined);
  }

  /** Listens on `preferredPort`, or on any free one where that is taken. */
  static async listen(preferredPort: number, path: string): Promise<Callback> {
    const callback = new Callback(path);
    try {
      await bind(callback.#server, preferredPort);
    } catch {
      await bind(callback.#server, 0);
    }
    return callback;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The browser whose query passes `check`. Any other is turned away, and the wait goes on. */
  async visit(check: Check, signal: AbortSignal): Promise<Visit> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting = undefined;
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", stop, { once: true });
      const came = (visit: Visit): void => {
        signal.removeEventListener("abort", stop);
        this.#waiting = undefined;
        resolve(visit);
      };
      this.#waiting = { check, came };
      if (signal.aborted) stop();
    });
  }

  /** Closes the port; a browser that came in keeps waiting for its page. */
  shut(): void {
    this.#server.close();
  }

  /** Ends all that is left. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const refuse = (kind: Exclude<Page["kind"], "logged_in">): void => send(response, { kind });
    // A page on some other site can make its own name point here; its Host gives it away.
    const host = request.headers.host?.toLowerCase();
    if (![`localhost:${this.port}`, `127.0.0.1:${this.port}`].includes(host ?? "")) {
      return refuse("wrong_host");
    }
    const [path, ...query] = (request.url ?? "").split("?");
    if (path !== this.#path) return refuse("not_found");
    if (request.method !== "GET") return refuse("wrong_method");
    const visit = { query: query.join("?"), answer: (page: Page) => deliver(response, page) };
    if (!this.#waiting) return refuse("over");
    if (!this.#waiting.check(visit.query)) return refuse("ignored");
    this.#waiting.came(visit);
    this.shut();
  }
}

async function bind(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function send(response: ServerResponse, page: Page): void {
  response.writeHead(statusOf(page), {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    // The address holds the code; no other site is to learn it.
    "referrer-policy": "no-referrer",
    connection: "close",
  });
  response.end(htmlOf(page));
}

/** A browser that has gone away, or takes its time, holds nobody up. */
async function deliver(response: ServerResponse, page: Page): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    response.once("close", resolve);
    setTimeout(resolve, LINGER_MS).unref();
  });
  send(response, page);
  await gone;
}
