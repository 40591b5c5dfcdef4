/** A `fetch` for GitHub Copilot's API: the token, and the headers without which it takes no request. */
import type { AuthOptions, Headers as Carried, HeadersOptions } from "./auth.js";
import { canRepeat, textOf, textOfRequest } from "./copilot-body.js";
import { fromCaller, fromStore } from "./copilot-headers.js";
import type { OAuthCredentials } from "./credentials.js";
import { shippedCore } from "./module.js";
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
  /**
   * Further origins that get the token, such as `https://proxy.example.com`; plain http only on
   * this machine. Without them it goes to Copilot's own hosts, and to the Enterprise's or that of
   * an overrides file, alone.
   */
  origins?: readonly string[] | undefined;
  /** Sends requests; the global `fetch` unless given. */
  fetch?: typeof globalThis.fetch | undefined;
  /**
   * Told of credentials that were refreshed, as {@link saveOAuthCredentials} takes them. Where it fails
   * the request goes on all the same, and the next call tells it again.
   */
  onRefreshed?: ((credentials: OAuthCredentials) => void | Promise<void>) | undefined;
}

/**
 * A `fetch` that adds what a request to Copilot has to carry, and on a 401 tries once more with a new
 * token, if the body can be sent again. The address stays as it is, and so does a body that is a
 * stream: what such a one says is not known. A `Request` whose content type is JSON is no stream here:
 * up to 8 MiB of it are read before it is sent.
 *
 * A request to any other origin is sent as it came, without the token and Copilot's headers: see
 * {@link CopilotFetchOptions.origins}. A redirect to another origin loses the token, by the rules
 * of `fetch`.
 * Which origins are its own depends on the login (Enterprise). So each request, also one to another
 * origin, needs a login and waits for its refresh. Call `fetch` itself where that is not wanted.
 *
 * Without `getAuth`, the stored login is used and refreshed where it is stored; where there is none,
 * what `COPILOT_GITHUB_TOKEN` holds. `getAuth` gives the credentials to use in place of both, and
 * `null` is nobody. They are refreshed here when they have to be, and kept for the next call;
 * `onRefreshed` hears of it.
 */
export async function createCopilotFetch(
  getAuth?: () => Promise<OAuthCredentials | null>,
  options: CopilotFetchOptions = {},
): Promise<CopilotFetch> {
  const send = options.fetch ?? globalThis.fetch;
  const origins = (options.origins ?? []).map(checked);
  const headersFor = getAuth ? fromCaller(getAuth, options, options.onRefreshed) : fromStore(options);

  return async (first: CustomFetchOptions | string | URL | Request, second?: RequestInit) => {
    const { input, init } = isOptions(first)
      ? { input: first.url, init: first.init }
      : { input: first, init: second ?? {} };
    const request = input instanceof Request ? input : undefined;
    const own = new Headers(init.headers ?? request?.headers);
    const signal = init.signal ?? request?.signal;
    const isOwnBody = init.body == null && request !== undefined;
    const read = isOwnBody ? await textOfRequest(request, signal) : undefined;
    const about: HeadersOptions = {
      body: isOwnBody ? read : textOf(init.body),
      initiator: initiatorOf(own),
      vision: own.get("copilot-vision-request") === "true" ? true : undefined,
      signal,
    };
    const url = addressOf(input);
    const attempt = async (what: typeof input, carried: Carried): Promise<Response> => {
      if (!isAllowed([...carried.origins, ...origins], url)) return send(what, init);
      const headers = new Headers(own);
      for (const { name, value } of carried.headers) headers.set(name, value);
      return send(what, { ...init, headers });
    };

    const carried = await headersFor(about).catch((error: unknown) => {
      // As `fetch` does, whoever stopped it.
      signal?.throwIfAborted();
      throw error;
    });
    // A copy of what the first attempt uses up.
    const spare = read === undefined ? input : request?.clone();
    const isRepeatable = isOwnBody ? !request.body || read !== undefined : canRepeat(init.body);
    const response = await attempt(input, carried);
    const isSent = isAllowed([...carried.origins, ...origins], url);
    if (response.status !== 401 || !isRepeatable || !isSent) return response;
    const rejected = tokenOf(carried);
    // The server's own words say more than that a refresh failed, too.
    const renewed = await headersFor({ ...about, rejected }).catch(() => {
      signal?.throwIfAborted();
      return undefined;
    });
    if (!renewed || tokenOf(renewed) === rejected) return response;
    await response.body?.cancel();
    return attempt(spare ?? input, renewed);
  };
}

function isOptions(first: object | string): first is CustomFetchOptions {
  return typeof first === "object" && !(first instanceof Request) && "init" in first;
}

/** Returns the absolute URL; empty for an invalid one, which `fetch` reports itself. */
function addressOf(input: string | URL | Request): string {
  const url = input instanceof Request ? input.url : String(input);
  return URL.canParse(url) ? new URL(url).href : "";
}

function isAllowed(origins: string[], url: string): boolean {
  return shippedCore().call("is_allowed_origin", { origins, url });
}

/** An origin that the caller adds. */
function checked(origin: string): string {
  if (isAllowed([origin], origin)) return origin;
  const advice = "use https://HOST, or http://HOST on this machine";
  throw new TypeError(`${origin} is not an origin: ${advice}.`);
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
