/** Credentials as programs pass them around, and as the file has them. */
import { AuthError } from "./error.js";
import type { Store } from "./store.js";

/** A login as the credential file has it. */
export interface OAuthCredentials {
  type: "oauth";
  /** The refresh token; of GitHub Copilot, the GitHub token. */
  refresh: string;
  /** The access token. */
  access: string;
  /** Epoch milliseconds, five minutes before the access token really expires. */
  expires: number;
  /** The domain of the GitHub Enterprise that it is for. */
  enterpriseUrl?: string;
}

/** The text of a file that holds this login alone. */
export function documentOf(provider: string, credentials: OAuthCredentials): string {
  return JSON.stringify({ [provider]: credentials });
}

/** The login of `provider` in the text of a file; `null` where there is none. */
export function credentialsIn(
  contents: string | null,
  provider: string,
): OAuthCredentials | null {
  const document = parsed(contents);
  const entry = document && Object.hasOwn(document, provider) ? document[provider] : undefined;
  return isLogin(entry) ? entry : null;
}

/** Reads what is stored; a file that somebody is just writing is read again under the lock. */
export async function load(store: Store, provider: string): Promise<OAuthCredentials | null> {
  const signal = new AbortController().signal;
  let read = store.read();
  if (read.type === "store_read" && parsed(read.contents) === undefined) {
    read = await store.probe(signal);
  }
  if (read.type !== "store_read") throw unavailable(read);
  if (parsed(read.contents) === undefined) throw corrupt(read.path);
  return credentialsIn(read.contents, provider);
}

/** Stores a login, and leaves what else is there as it is. */
export async function save(
  store: Store,
  provider: string,
  credentials: OAuthCredentials,
): Promise<void> {
  const signal = new AbortController().signal;
  try {
    // It makes the directory, too.
    const probed = await store.probe(signal);
    if (probed.type !== "store_read") throw unavailable(probed);
    for (let attempt = 0; ; attempt += 1) {
      const locked = await store.lock(signal);
      if (locked.type !== "locked") throw unavailable(locked);
      const read = store.read();
      if (read.type !== "store_read") throw unavailable(read);
      const document = parsed(read.contents);
      if (document === undefined) throw corrupt(read.path);
      const next = { ...document, [provider]: { ...credentials, type: "oauth" } };
      const written = store.write(`${JSON.stringify(next, null, 2)}\n`, attempt >= MAX_LOST);
      if (written.type === "written") return;
      if (written.type !== "lock_lost" || attempt > MAX_LOST) throw unavailable(written);
    }
  } finally {
    await store.unlock();
  }
}

/** How often a lost lock is taken again before it is written without: a token may exist nowhere else. */
const MAX_LOST = 3;

type Document = Record<string, unknown>;

/** `undefined` for what is no document. */
function parsed(contents: string | null): Document | undefined {
  if (contents === null) return {};
  try {
    const document: unknown = JSON.parse(contents);
    const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
    return isObject ? (document as Document) : undefined;
  } catch {
    return undefined;
  }
}

function isLogin(entry: unknown): entry is OAuthCredentials {
  return (entry as Partial<OAuthCredentials> | null | undefined)?.type === "oauth";
}

function corrupt(path: string): AuthError {
  return new AuthError({
    code: "store_corrupt",
    message: `${path} is not a credential file: it is no JSON object.`,
    advice: "It was not touched. Mend or remove it.",
  });
}

function unavailable(event: { type: string; path?: string; failure?: unknown }): AuthError {
  const failure = event.failure as string | { other: string } | undefined;
  const why = typeof failure === "object" ? failure.other : (failure ?? event.type);
  return new AuthError({
    code: "store_unavailable",
    message: `${event.path ?? "The credential file"} cannot be used: ${why.replaceAll("_", " ")}.`,
    advice: "Make it readable and writable, and try again.",
  });
}
