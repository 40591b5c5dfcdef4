/**
 * The loopback server that a browser comes back to (RFC 8252, 7.3 and 8.3).
 *
 * The core decides which requests are let in and what the pages say. A browser is answered once the
 * flow has ended, so that the page never claims more than is true.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import { aboutCore, shippedCore } from "./module.js";
import type { CallbackPage, Loopback } from "./types.js";

/** How long a page that is under way is waited for at the end, in milliseconds. */
const LINGER_MS = 500;
/** How often connections are looked at that take their time, in milliseconds. */
const LOOK_EVERY_MS = 1000;
/** How long a connection may take at least, so that a crowd does not push a browser out, in milliseconds. */
const GRACE_MS = 50;
/** How many free ports are tried, one of whose addresses may be taken. */
const TRIES = 16;

/** Whether a query is the answer that is waited for. */
type Check = (query: string) => boolean;

/** A browser that brought the answer and waits for its page. */
export interface Visit {
  readonly query: string;
  /** Answers the browser; done when the page is on its way. */
  answer(page: CallbackPage): Promise<void>;
}

export class Callback {
  /** One for each address, all on one port. */
  #servers: Server[] = [];
  readonly #path: string;
  /** The open connections, the oldest first; true once its request is there. */
  readonly #sockets = new Map<Socket, boolean>();
  #trim: NodeJS.Timeout | undefined;
  #oneTime: { path: string; url: string; opened: boolean } | undefined;
  #waiting: { check: Check; came: (visit: Visit) => void } | undefined;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Listens on `preferredPort`, or on any free one where that is taken. */
  static async listen(on: Loopback, preferredPort: number, path: string): Promise<Callback> {
    const callback = new Callback(path);
    for (let tried = 0; ; tried++) {
      try {
        callback.#servers = await callback.#bind(on, tried === 0 ? preferredPort : 0);
        return callback;
      } catch (error) {
        if (tried === TRIES) throw error;
      }
    }
  }

  get port(): number {
    return portOf(this.#servers[0]);
  }

  /** Has the first GET of `path` led to `url`. */
  lead(path: string, url: string): void {
    this.#oneTime ??= { path, url, opened: false };
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
    for (const server of this.#servers) server.close();
  }

  /** Ends all that is left. */
  close(): void {
    clearTimeout(this.#trim);
    this.shut();
    for (const server of this.#servers) server.closeAllConnections();
  }

  /** Listens on all addresses; on none where one of them is taken. */
  async #bind(on: Loopback, port: number): Promise<Server[]> {
    const first = this.#server();
    await bind(first, on === "ipv6" ? "::1" : "127.0.0.1", port);
    if (on !== "both") return [first];
    const second = this.#server();
    try {
      // Browsers try ::1 first: whoever else listens there would get the code.
      await bind(second, "::1", portOf(first));
      return [first, second];
    } catch (error) {
      if (hasNoIpv6(error)) return [first];
      first.close();
      throw error;
    }
  }

  #server(): Server {
    const about = aboutCore();
    const options = {
      maxHeaderSize: about.callback_head_bytes,
      headersTimeout: about.callback_timeout_ms,
      requestTimeout: about.callback_timeout_ms,
      connectionsCheckingInterval: LOOK_EVERY_MS,
    };
    const server = createServer(options, (...exchange) => this.#serve(...exchange));
    server.on("connection", (socket) => this.#hold(socket));
    // A connection that cannot be taken is no reason to end the program.
    server.on("error", () => undefined);
    return server;
  }

  /** Holds a connection. Where there are too many, those that come in the same moment may ask first. */
  #hold(socket: Socket): void {
    this.#sockets.set(socket, false);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#sockets.size > aboutCore().callback_connections) {
      this.#trim ??= setTimeout(() => this.#closeOldest(), GRACE_MS);
    }
  }

  /** Closes the oldest connections that have not sent their whole request, until there are few enough. */
  #closeOldest(): void {
    this.#trim = undefined;
    let over = this.#sockets.size - aboutCore().callback_connections;
    for (const [socket, hasAsked] of this.#sockets) {
      if (over <= 0) break;
      if (hasAsked) continue;
      socket.destroy();
      over--;
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.#sockets.set(request.socket, true);
    const admission = shippedCore().call("admit", {
      port: this.port,
      path: this.#path,
      one_time_path: this.#oneTime?.path ?? null,
      method: request.method ?? "",
      host: request.headers.host ?? null,
      target: request.url ?? "",
    });
    if (admission.type === "page") return send(response, admission.page);
    if (admission.type === "one_time") return this.#lead(response);
    const visit = {
      query: admission.query,
      answer: (page: CallbackPage) => deliver(response, page),
    };
    if (!this.#waiting) return send(response, "over");
    if (!this.#waiting.check(visit.query)) return send(response, "ignored");
    this.#waiting.came(visit);
    this.shut();
  }

  #lead(response: ServerResponse): void {
    const oneTime = this.#oneTime;
    if (!oneTime || oneTime.opened) return send(response, "already_opened");
    oneTime.opened = true;
    send(response, "over", { status: 303, location: oneTime.url });
  }
}

function portOf(server: Server | undefined): number {
  return (server?.address() as AddressInfo | null)?.port ?? 0;
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Tells that this machine has no `::1` at all. */
function hasNoIpv6(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EPROTONOSUPPORT"].includes(code ?? "");
}

/** Answers with a page; or, with the same headers, leads to another address. */
function send(
  response: ServerResponse,
  page: CallbackPage,
  to?: { status: number; location: string },
): void {
  const { status, headers, html } = shippedCore().call("page", { page });
  response.writeHead(to?.status ?? status, {
    ...Object.fromEntries(headers),
    connection: "close",
    ...(to && { location: to.location }),
  });
  response.end(to ? "" : html);
}

/** A browser that has gone away, or takes its time, holds nobody up. */
async function deliver(response: ServerResponse, page: CallbackPage): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    response.once("close", resolve);
    setTimeout(resolve, LINGER_MS).unref();
  });
  send(response, page);
  await gone;
}
