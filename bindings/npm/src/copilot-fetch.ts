/** A `fetch` for GitHub Copilot's API: the token, and the headers without which it takes no request. */
import { Auth, type AuthOptions, type Headers as Carried, type HeadersOptions } from "./auth.js";
import { credentialsIn, documentOf, type OAuthCredentials } from "./credentials.js";
import { filesOf } from "./files.js";
import { Memory, MemoryStore } from "./store/memory.js";
import type { Initiator } from "./types.js";

/** A call of a provider's API. */
export interface CustomFetchOptions {
  provider: string;
  url: string;
  init: RequestInit;
}

export type CustomFetch = (options: CustomFetchOptions) => Promise<Response>;

/** The same, which can be called like `fetch` as well, and so be given to a provider's own client. */
export type CopilotFetch = CustomFetch &
  ((input: string | URL | Request, init?: RequestInit) => Promise<Response>);

export interface CopilotFetchOptions extends AuthOptions {
  /** Sends requests; the global `fetch` unless given. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Told of credentials that were refreshed, as {@link saveOAuthCredentials} takes them. */
  onRefreshed?: ((credentials: OAuthCredentials) => void | Promise<void>) | undefined;
}

const PROVIDER = "github-copilot";

/**
 * A `fetch` that adds what a request to Copilot has to carry, and on a 401 tries once more with a new
 * token, if the body can be sent again. The address stays as it is, and so does a body that is a
 * stream.
 *
 * `getAuth` gives the credentials to use. They are refreshed here when they have to be, and kept
 * for the next call; `onRefreshed` hears of it. Without `getAuth`, the stored login is used and
 * refreshed where it is stored.
 */
export async function createCopilotFetch(
  getAuth?: () => Promise<OAuthCredentials | null>,
  options: CopilotFetchOptions = {},
): Promise<CopilotFetch> {
  const send = options.fetch ?? globalThis.fetch;
  const headersFor = getAuth ? fromCaller(getAuth, options) : fromStore(options);

  return async (first: CustomFetchOptions | string | URL | Request, second?: RequestInit) => {
    const { input, init } = isOptions(first)
      ? { input: first.url, init: first.init }
      : { input: first, init: second ?? {} };
    const request = input instanceof Request ? input : undefined;
    const own = new Headers(init.headers ?? request?.headers);
    const signal = init.signal ?? request?.signal;
    const about: HeadersOptions = {
      body: textOf(init.body),
      initiator: initiatorOf(own),
      vision: own.get("copilot-vision-request") === "true" ? true : undefined,
      signal,
    };
    const attempt = async (carried: Carried): Promise<Response> => {
      const headers = new Headers(own);
      for (const { name, value } of carried.headers) headers.set(name, value);
      return send(input, { ...init, headers });
    };

    const carried = await headersFor(about).catch((error: unknown) => {
      // As `fetch` does, whoever stopped it.
      signal?.throwIfAborted();
      throw error;
    });
    const response = await attempt(carried);
    if (response.status !== 401 || !canRepeat(input, init)) return response;
    const rejected = tokenOf(carried);
    const renewed = await headersFor({ ...about, rejected }).catch(() => undefined);
    // The server's own words say more than that a refresh failed, too.
    if (!renewed || tokenOf(renewed) === rejected) return response;
    await response.body?.cancel();
    return attempt(renewed);
  };
}

type HeadersFor = (options: HeadersOptions) => Promise<Carried>;

function fromStore(options: AuthOptions): HeadersFor {
  const auth = new Auth(options);
  return (about) => auth.headers(PROVIDER, about);
}

/** Credentials that the caller keeps: the jobs run over a copy in memory. */
function fromCaller(
  getAuth: () => Promise<OAuthCredentials | null>,
  options: CopilotFetchOptions,
): HeadersFor {
  const memory = new Memory(null);
  const auth = inMemory(memory, options);
  let last: string | null = null;
  /** The document of which the caller knows. */
  let known: string | null = null;
  return async (about) => {
    const credentials = await getAuth();
    const given = credentials ? documentOf(PROVIDER, credentials) : null;
    // As long as the caller gives the same, what was refreshed here is newer.
    if (given !== last) {
      last = known = memory.contents = given;
    }
    const carried = await auth.headers(PROVIDER, about);
    const refreshed = credentialsIn(memory.contents, PROVIDER);
    if (memory.contents !== known && refreshed) {
      known = memory.contents;
      await options.onRefreshed?.(refreshed);
    }
    return carried;
  };
}

/** Jobs over credentials in memory; overrides are those of the directory. */
export function inMemory(memory: Memory, options: AuthOptions = {}): Auth {
  const files = filesOf(options);
  // What the caller gave wins over what a variable holds.
  const { PI_AUTH_PREFER: _, ...environment } = options.environment ?? process.env;
  return new Auth({ ...options, environment, store: () => new MemoryStore(memory, files()) });
}

function isOptions(first: object | string): first is CustomFetchOptions {
  return typeof first === "object" && !(first instanceof Request) && "init" in first;
}

/** A body that can be looked at without using it up. */
function textOf(body: RequestInit["body"] | undefined): string | undefined {
  if (typeof body === "string") return body;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return new TextDecoder().decode(body);
  return undefined;
}

/** Whether the request can be sent again: a stream is gone once it was read. */
function canRepeat(input: string | URL | Request, { body }: RequestInit): boolean {
  if (body == null) return !(input instanceof Request && input.body !== null);
  return (
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof URLSearchParams ||
    body instanceof FormData
  );
}

/** Who began it, where the caller says so. */
function initiatorOf(headers: Headers): Initiator | undefined {
  const initiator = headers.get("x-initiator");
  return initiator === "user" || initiator === "agent" ? initiator : undefined;
}

function tokenOf({ headers }: Carried): string | undefined {
  const carrier = headers.find(({ name }) => name.toLowerCase() === "authorization");
  return carrier?.value.replace(/^Bearer /, "");
}
