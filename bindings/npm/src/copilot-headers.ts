/** The headers of a request to GitHub Copilot, over credentials that are stored or the caller's own. */
import {
  Auth,
  type AuthOptions,
  type Headers as Carried,
  type HeadersOptions,
  type Token,
} from "./auth.js";
import { credentialsIn, documentOf, type OAuthCredentials } from "./credentials.js";
import { inMemory } from "./in-memory.js";
import { aboutCore } from "./module.js";
import { Memory } from "./store/memory.js";
import { unlessAborted } from "./unless-aborted.js";

const PROVIDER = "github-copilot";

/** Gives what a request carries, and refreshes what it has to. */
export type HeadersFor = (options: HeadersOptions) => Promise<Carried>;

/** Told of credentials that were refreshed. */
export type OnRefreshed = (credentials: OAuthCredentials) => void | Promise<void>;

/** What is stored, else what a variable holds. */
export function fromStore(options: AuthOptions): HeadersFor {
  const auth = new Auth(options);
  const exchanged = new Exchanged(auth);
  return async (about) => {
    const { signal, rejected, ...rest } = about;
    const { keys } = await auth.status({ signal });
    const used = keys.find(({ provider, active }) => active && provider.id === PROVIDER);
    // What is refreshed of a login is stored; what a variable is exchanged for is kept here.
    if (typeof used?.source !== "object") return auth.headers(PROVIDER, about);
    const callerKey = await unlessAborted(exchanged.token(rejected), signal);
    return auth.headers(PROVIDER, { ...rest, signal, callerKey });
  };
}

/** What a variable's token is exchanged for: one exchange for any number of calls. */
class Exchanged {
  readonly #auth: Auth;
  #key: Token["key"] | undefined;
  #underWay: Promise<string> | undefined;

  constructor(auth: Auth) {
    this.#auth = auth;
  }

  /** A token that lasts for a while and is not the one that a server has `rejected`. */
  async token(rejected: string | undefined): Promise<string> {
    const isFresh = (this.#key?.expiresMs ?? 0) > Date.now() + aboutCore().buffer_ms;
    if (this.#key && isFresh && this.#key.value !== rejected) return this.#key.value;
    return (this.#underWay ??= this.#exchange(rejected));
  }

  /** No caller's to stop: others wait for it. */
  async #exchange(rejected: string | undefined): Promise<string> {
    try {
      this.#key = (await this.#auth.token(PROVIDER, { rejected })).key;
      return this.#key.value;
    } finally {
      this.#underWay = undefined;
    }
  }
}

/** Credentials that the caller keeps: the jobs run over a copy in memory. */
export function fromCaller(
  getAuth: () => Promise<OAuthCredentials | null>,
  options: AuthOptions,
  onRefreshed: OnRefreshed | undefined,
): HeadersFor {
  const memory = new Memory(null);
  const auth = inMemory(memory, options);
  const teller = new Teller(memory, onRefreshed);
  let last: string | null = null;
  return async (about) => {
    const credentials = await getAuth();
    const given = credentials ? documentOf(PROVIDER, credentials) : null;
    // As long as the caller gives the same, what was refreshed here is newer.
    if (given !== last) last = teller.known = memory.contents = given;
    try {
      return await auth.headers(PROVIDER, about);
    } finally {
      // Also after a call that was given up: its refresh may have ended first.
      await teller.tell();
    }
  };
}

/** Tells the caller what is in memory, once for any number of calls. */
class Teller {
  /** The document of which the caller knows. */
  known: string | null = null;
  readonly #memory: Memory;
  readonly #onRefreshed: OnRefreshed | undefined;
  #telling: { contents: string | null; done: Promise<void> } | undefined;

  constructor(memory: Memory, onRefreshed: OnRefreshed | undefined) {
    this.#memory = memory;
    this.#onRefreshed = onRefreshed;
  }

  /** Never fails: the token is good, whether it could be told or not. The next call tells it again. */
  async tell(): Promise<void> {
    const { contents } = this.#memory;
    const refreshed = credentialsIn(contents, PROVIDER);
    if (contents === this.known || !refreshed) return;
    if (this.#telling?.contents !== contents) {
      this.#telling = { contents, done: this.#tellOf(contents, refreshed) };
    }
    await this.#telling.done;
  }

  async #tellOf(contents: string | null, refreshed: OAuthCredentials): Promise<void> {
    try {
      await this.#onRefreshed?.(refreshed);
      // Unless the caller has come with others meanwhile.
      if (this.#memory.contents === contents) this.known = contents;
    } catch {
      // As if it had not been told.
    } finally {
      if (this.#telling?.contents === contents) this.#telling = undefined;
    }
  }
}
