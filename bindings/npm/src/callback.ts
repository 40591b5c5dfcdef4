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
/** Minimum life of a connection, in milliseconds, so that a crowd does not push a browser out. */
const GRACE_MS = 50;
/** How many free ports are tried, one of whose addresses may be taken. */
const TRIES = 16;
/** How many browsers may have come while nobody waits. */
const MAX_EARLY = 4;
/** Factor by which a burst may exceed the number of connections that are kept. */
const BURST = 4;

/** Checks that a query is the answer that is waited for. */
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
  /** Remembered, since a server that is closed no longer knows it. */
  #port = 0;
  #isShut = false;
  /** The open connections, the oldest first; true once its request is there. */
  readonly #sockets = new Map<Socket, boolean>();
  #trim: NodeJS.Timeout | undefined;
  #oneTime: { path: string; url: string; opened: boolean } | undefined;
  #waiting: { check: Check; came: (visit: Visit) => void } | undefined;
  /** Browsers that came while nobody waited: a prompt may be between two waits. */
  #early: Visit[] = [];

  private constructor(path: string) {
    this.#path = path;
  }

  /** Listens on `preferredPort`, or on any free one where that is taken. */
  static async listen(on: Loopback, preferredPort: number, path: string): Promise<Callback> {
    const callback = new Callback(path);
    for (let tried = 0; ; tried++) {
      try {
        callback.#servers = await callback.#bind(on, tried === 0 ? preferredPort : 0);
        callback.#port = portOf(callback.#servers[0]);
        return callback;
      } catch (error) {
        if (tried === TRIES) throw error;
      }
    }
  }

  get port(): number {
    return this.#port;
  }

  /** Has the first GET of `path` led to `url`. */
  lead(path: string, url: string): void {
    this.#oneTime ??= { path, url, opened: false };
  }

  /**
   * Returns the browser whose query passes `check`, also one that came before. Any other is turned
   * away, and the wait goes on.
   */
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
      if (signal.aborted) return stop();
      for (const early of this.#early.splice(0)) this.#meet(early);
    });
  }

  /**
   * Closes the port. The accepted browser keeps waiting for its page; queued ones get the page that
   * says that the login is over. Resolves when these pages are sent.
   */
  async shut(): Promise<void> {
    this.#isShut = true;
    for (const server of this.#servers) server.close();
    await Promise.all(this.#early.splice(0).map((visit) => visit.answer("over")));
  }

  /** Ends all that is left. */
  close(): void {
    clearTimeout(this.#trim);
    void this.shut();
    for (const server of this.#servers) server.closeAllConnections();
  }

  /** Listens on all addresses; on none where one of them is taken. */
  async #bind(on: Loopback, port: number): Promise<Server[]> {
    const most = BURST * aboutCore().callback_connections;
    const first = this.#server(on === "both" ? most / 2 : most);
    await bind(first, on === "ipv6" ? "::1" : "127.0.0.1", port);
    if (on !== "both") return [first];
    const second = this.#server(most / 2);
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

  #server(maxConnections: number): Server {
    const about = aboutCore();
    const options = {
      maxHeaderSize: about.callback_head_bytes,
      headersTimeout: about.callback_timeout_ms,
      requestTimeout: about.callback_timeout_ms,
      connectionsCheckingInterval: LOOK_EVERY_MS,
    };
    const server = createServer(options, (...exchange) => this.#serve(...exchange));
    // A larger burst could use up the descriptors that a save needs.
    server.maxConnections = maxConnections;
    server.on("connection", (socket) => this.#hold(socket));
    // A connection that cannot be taken is no reason to end the program.
    server.on("error", () => undefined);
    return server;
  }

  /** Holds a connection. Where there are too many, the oldest are closed after a moment. */
  #hold(socket: Socket): void {
    this.#sockets.set(socket, false);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#sockets.size > aboutCore().callback_connections) {
      this.#trim ??= setTimeout(() => this.#closeOldest(), GRACE_MS);
    }
  }

  /** Closes the oldest connections without a complete request, until there are few enough. */
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
    this.#meet(visit);
  }

  #meet(visit: Visit): void {
    if (this.#waiting) {
      if (!this.#waiting.check(visit.query)) return void visit.answer("ignored");
      this.#waiting.came(visit);
      void this.shut();
    } else if (!this.#isShut && this.#early.length < MAX_EARLY) {
      this.#early.push(visit);
    } else {
      void visit.answer("over");
    }
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
