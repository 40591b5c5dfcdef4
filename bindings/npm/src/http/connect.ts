/** Connections, straight or through a proxy. Whatever goes wrong before one stands is {@link NotConnected}. */
import type { Socket } from "node:net";

import type { buildConnector, Dispatcher } from "undici";

import type { Proxy } from "./proxy.js";
import { loadUndici } from "./undici.js";

/**
 * How long a connection is kept for the next request, in milliseconds: for requests in a row, but
 * not from one poll to the next, when the server may just be closing it.
 */
const IDLE_MS = 2000;

/** How to connect: whom to trust, and for how long. */
export interface Terms {
  /** The authorities in PEM; Node's own where there are none. */
  readonly ca: string[] | undefined;
  /** How long to try, in milliseconds. */
  readonly timeout: number;
  /** Ends every connection, and every attempt at one. */
  readonly over: AbortSignal;
}

/** The connection did not come about, so no request was sent. */
export class NotConnected extends Error {
  constructor(cause: unknown) {
    super("the connection did not come about", { cause });
  }
}

/** The proxy can be reached, and opens no tunnel. */
export class ProxyRefused extends Error {}

/** Straight to the servers. */
export async function straight(terms: Terms): Promise<Dispatcher> {
  const { Agent } = await loadUndici();
  return new Agent({ ...idle, connect: await connector(terms) });
}

/** Through a tunnel that `proxy` is asked for (RFC 9110, 9.3.6). */
export async function through(proxy: Proxy, terms: Terms): Promise<Dispatcher> {
  const { Agent, Client } = await loadUndici();
  const connect = await connector(terms);

  const tunnel = async ({ hostname, port }: buildConnector.Options): Promise<Socket> => {
    const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port || 443}`;
    const authorization = proxy.authorization && { "proxy-authorization": proxy.authorization };
    const client = new Client(proxy.shown, { connect });
    // One that accepts and says nothing is not there.
    const patience = setTimeout(() => void client.destroy(new ProxyRefused("no answer in time")), terms.timeout);
    try {
      const { socket, statusCode } = await client.connect({
        path: host,
        headers: { host, ...authorization },
      });
      if (statusCode === 200) return socket as Socket;
      socket.on("error", () => {}).destroy();
      throw new ProxyRefused(`the proxy answered with ${statusCode}`);
    } catch (error) {
      throw new NotConnected(error);
    } finally {
      clearTimeout(patience);
      // A tunnel that stands is no longer its own.
      void client.destroy();
    }
  };

  return new Agent({
    ...idle,
    connect: (options, callback) => {
      tunnel(options).then(
        (httpSocket) => connect({ ...options, httpSocket }, callback),
        (error: Error) => callback(error, null),
      );
    },
  });
}

const idle = { keepAliveTimeout: IDLE_MS, keepAliveMaxTimeout: IDLE_MS };

async function connector({ ca, timeout, over }: Terms): Promise<buildConnector.connector> {
  const { buildConnector } = await loadUndici();
  const connect = buildConnector({ timeout, signal: over, ...(ca && { ca }) });
  return (options, callback) => {
    try {
      connect(options, (...[error, socket]) => {
        if (error === null) callback(null, socket);
        else callback(new NotConnected(error), null);
      });
    } catch (error) {
      // Bun throws at once for an authority that it cannot parse.
      callback(new NotConnected(error), null);
    }
  };
}
