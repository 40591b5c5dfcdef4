/** Jobs over credentials that are in no file: the caller gives them, and keeps what comes of it. */
import { Auth, type AuthOptions } from "./auth.js";
import { credentialsIn, type OAuthCredentials } from "./credentials.js";
import { filesOf } from "./files.js";
import type { Store } from "./store.js";
import { MemoryStore, type Memory } from "./store/memory.js";

/** Makes the store of one job of that memory, and of the files that belong to it. */
export type StoreOf = (memory: Memory, files: Store) => Store;

const storeOfMemory: StoreOf = (memory, files) => new MemoryStore(memory, files);

/** Jobs over credentials in memory; overrides are those of the directory. */
export function inMemory(
  memory: Memory,
  options: AuthOptions = {},
  storeOf: StoreOf = storeOfMemory,
): Auth {
  const files = filesOf(options);
  // What the caller gave is used, and where that is nothing no account that a variable names.
  const { PI_AUTH_PREFER: _, COPILOT_GITHUB_TOKEN: __, ...environment } =
    options.environment ?? process.env;
  return new Auth({ ...options, environment, store: () => storeOf(memory, files()) });
}

/**
 * Waits for a refresh of what `memory` holds, and returns the result. A job that fails after the
 * provider has replaced the refresh token is no error: that would lose the new one. What comes back
 * is due at once, and refreshed when it is next asked for.
 */
export async function refreshedIn(
  memory: Memory,
  provider: string,
  refresh: Promise<unknown>,
): Promise<OAuthCredentials> {
  const before = credentialsIn(memory.contents, provider);
  try {
    await refresh;
  } catch (error) {
    const after = credentialsIn(memory.contents, provider);
    if (after === null || after.refresh === before?.refresh) throw error;
  }
  return storedIn(memory, provider);
}

/** What a job has left there for `provider`. */
export function storedIn(memory: Memory, provider: string): OAuthCredentials {
  const credentials = credentialsIn(memory.contents, provider);
  if (!credentials) throw new TypeError("The core has stored no credentials.");
  return credentials;
}
