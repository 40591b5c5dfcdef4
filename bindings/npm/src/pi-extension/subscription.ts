/** Jobs of the core over a credential that the agent keeps, under the lock that the agent holds. */
import type { Auth } from "../auth.js";
import { documentOf } from "../credentials.js";
import { AuthError } from "../error.js";
import { filesOf } from "../files.js";
import { inMemory, refreshedIn, storedIn } from "../in-memory.js";
import type { Interaction } from "../interaction.js";
import { shippedCore } from "../module.js";
import { Memory, MemoryStore } from "../store/memory.js";
import type { Effect, Event, Headers } from "../types.js";
import type { AgentCredential, StoredCredential } from "./agent.js";

/** Longer than any clock is off while one synchronous job runs, in milliseconds. */
const DAY_MS = 24 * 60 * 60 * 1000;
/** The last moment that JavaScript knows, in epoch milliseconds. */
const LAST_MS = 8.64e15;

/** What the agent decides anew for each request, and so adds by itself. */
const PER_REQUEST = ["authorization", "x-initiator", "copilot-vision-request"];

/** One provider's login. */
export class Subscription {
  readonly provider: string;
  readonly name: string;

  constructor(provider: string, name: string) {
    this.provider = provider;
    this.name = name;
  }

  /** Logs in; the agent is to store what comes back. */
  async login(interaction: Interaction, signal?: AbortSignal): Promise<StoredCredential> {
    const memory = new Memory(null);
    const job = this.#auth(memory, interaction).login({ provider: this.provider, signal });
    const { notes } = await job.catch((error: unknown) => {
      throw told(error);
    });
    try {
      for (const note of notes) interaction.waiting?.(note);
    } catch {
      // The login stands, whether that could be told or not.
    }
    return this.#stored(memory);
  }

  /**
   * Gets a new token, since it is the agent that says when. Where the provider is in trouble, a token
   * that is still valid comes back as it was.
   *
   * It cannot be cancelled: the provider may have replaced the refresh token by then. Agent
   * 1.6.0 gives up after 15 s and sends the old token again, which ends the login. This waits for
   * the answer; each request has a deadline of its own.
   */
  async refresh(old: AgentCredential): Promise<StoredCredential> {
    // Others write this field, too: it may be a text, or nothing, or later than the core counts.
    const expires = Math.min(old.expires, LAST_MS);
    const memory = new Memory(this.#document({ ...old, expires }));
    // More than any token has left.
    const minValidityMs = Number.MAX_SAFE_INTEGER;
    try {
      const job = this.#auth(memory, {}).token(this.provider, { minValidityMs });
      return { ...(await refreshedIn(memory, this.provider, job)) };
    } catch (error) {
      throw told(error);
    }
  }

  /** Where requests with this credential go; `undefined` where nobody knows. */
  baseUrl(credential: AgentCredential): string | undefined {
    // Whether it is still valid is not the question here, nor whether there is one yet: a login that
    // could not be exchanged is stored without.
    const access = credential.access || "none";
    const lasting = this.#document({ ...credential, access, expires: Date.now() + DAY_MS });
    return this.#atOnce(lasting).base_url ?? undefined;
  }

  /** What requests carry whoever is logged in, beside what the agent adds to each by itself. */
  get headers(): Record<string, string> {
    try {
      const { headers } = this.#atOnce(null, "none");
      const lasting = headers.filter(({ name }) => !PER_REQUEST.includes(name.toLowerCase()));
      return Object.fromEntries(lasting.map(({ name, value }) => [name, value]));
    } catch {
      // An overrides file that cannot be used. Each job will say so; the agent has to start for that.
      return {};
    }
  }

  /** Runs the job that needs no waiting, for callers that cannot wait. */
  #atOnce(contents: string | null, caller_key?: string): Headers {
    const flow = shippedCore().start({
      type: "headers",
      provider: this.provider,
      ...(caller_key !== undefined && { caller_key }),
    });
    try {
      for (;;) {
        const { effect } = flow;
        if (effect.type === "failed") throw told(new AuthError(effect.error));
        if (effect.type === "done" && effect.output.type === "headers") return effect.output;
        const event = this.#answer(effect, contents);
        if (!event) throw new Error(`Where ${this.name} is cannot be told without waiting.`);
        flow.step(event, Date.now());
      }
    } finally {
      flow.drop();
    }
  }

  /** `undefined` for what takes its time, or is done to a file. */
  #answer(effect: Effect, contents: string | null): Event | undefined {
    switch (effect.type) {
      case "read_store":
        return { type: "store_read", path: "(the agent's)", contents };
      case "read_overrides":
        return filesOf({})().readOverrides();
      case "read_variable":
        return { type: "variable", value: null };
      default:
        return undefined;
    }
  }

  #auth(memory: Memory, interaction: Interaction): Auth {
    return inMemory(memory, { interaction }, (...parts) => new Kept(...parts));
  }

  #document(credential: AgentCredential): string {
    return documentOf(this.provider, { ...credential, type: "oauth" });
  }

  #stored(memory: Memory): StoredCredential {
    return { ...storedIn(memory, this.provider) };
  }
}

/**
 * A credential that the agent keeps, in memory for one job. Refreshes that failed are remembered
 * where all processes remember them, so that none of them asks again too early.
 */
class Kept extends MemoryStore {
  override readBackoff(): Event {
    return this.files.readBackoff();
  }

  override writeBackoff(contents: string): void {
    this.files.writeBackoff(contents);
  }
}

/** An error as the agent shows it: by its message alone, and not at all where the person has stopped it. */
function told(error: unknown): unknown {
  if (!(error instanceof AuthError)) return error;
  if (error.code === "cancelled") return new Error(CANCELLED, { cause: error });
  return new Error([error.message, error.advice].filter(Boolean).join(" "), { cause: error });
}

/** The words that the agent knows. */
const CANCELLED = "Login cancelled";
