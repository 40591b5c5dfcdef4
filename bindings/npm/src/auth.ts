/** The API: a key that can be sent now, the headers that carry it, login, logout, status. */
import { randomBytes } from "node:crypto";

import { camel, type Camel } from "./camel.js";
import type { OAuthCredentials } from "./credentials.js";
import { run } from "./driver.js";
import { filesOf, type Whose } from "./files.js";
import type { Interaction } from "./interaction.js";
import { aboutCore } from "./module.js";
import type { Store } from "./store.js";
import { Terminal } from "./terminal.js";
import type { Environment, Initiator, Output, Request, TokenRequest } from "./types.js";

type Of<Type extends Output["type"]> = Camel<Omit<Extract<Output, { type: Type }>, "type">>;

/** A key that can be sent now, and what its user should know. */
export type Token = Of<"token">;
/** The headers that carry a key, and where to send them. */
export type Headers = Of<"headers">;
/** A login that is stored. */
export type LoggedIn = Of<"logged_in">;
/** What was logged out. */
export type LoggedOut = Of<"logged_out">;
/** Who is logged in. */
export type Status = Of<"status">;

/** Whose credentials, and who is asked. All of it has a default. */
export interface AuthOptions extends Whose {
  /** Who is asked, and told; a person at this terminal unless given. Jobs for tokens ask nobody. */
  interaction?: Interaction | undefined;
  /** Another place for credentials: called for each job. */
  store?: (() => Store) | undefined;
}

/** What any job takes. */
export interface JobOptions {
  /** Asks the job to stop. Between a provider's answer and the file it waits until that is stored. */
  signal?: AbortSignal | undefined;
}

/** How a token is to be got. */
export interface TokenOptions extends JobOptions {
  /** A key of the caller's own, which wins over everything. */
  callerKey?: string | undefined;
  /** How long the token must be valid for, in milliseconds; 5 minutes unless given. */
  minValidityMs?: number | undefined;
  /** A token that a server has refused: if it is what is stored, it is refreshed whatever its age. */
  rejected?: string | undefined;
}

/** What a request to a provider's API is like, as far as it matters. */
export interface HeadersOptions extends TokenOptions {
  /**
   * The request's body, if it is known: JSON in the shape of OpenAI's chat or responses, or of
   * Anthropic's messages. It tells what the next two leave open. One of more than 8 MiB is not
   * looked at: it counts as none.
   */
  body?: string | undefined;
  /** Who began the request; only Copilot wants to know. */
  initiator?: Initiator | undefined;
  /** Whether it carries an image; only Copilot wants to know. */
  vision?: boolean | undefined;
}

/** How to log in. */
export interface LoginOptions extends JobOptions {
  /** The provider's id; without one, the person picks. */
  provider?: string | undefined;
  /** Whether the code is to be pasted even where a callback would work. */
  paste?: boolean | undefined;
  /** Whether the address is only to be shown, for a browser elsewhere. */
  noBrowser?: boolean | undefined;
  /** The domain of a GitHub Enterprise; empty for github.com. Only Copilot has one. */
  enterprise?: string | undefined;
}

/** How to log out. */
export interface LogoutOptions extends JobOptions {
  /** The provider's id; without one, and without `all`, the person picks. */
  provider?: string | undefined;
  /** Whether to end every login. API keys are left alone. */
  all?: boolean | undefined;
  /** Whether it is confirmed already. */
  confirmed?: boolean | undefined;
}

/** The credentials of one agent directory, and what can be done with them. */
export class Auth {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #variables: Environment;
  readonly #interaction: Interaction;
  readonly #store: () => Store;

  constructor(options: AuthOptions = {}) {
    const environment = options.environment ?? process.env;
    this.#environment = environment;
    this.#variables = Object.fromEntries(
      aboutCore().variables.flatMap((name) => {
        const value = environment[name];
        return value === undefined ? [] : [[name, value]];
      }),
    );
    this.#interaction = options.interaction ?? new Terminal();
    this.#store = options.store ?? filesOf(options);
  }

  /**
   * A key for `provider` that is valid for at least five more minutes, as it should be sent: the
   * stored login, refreshed if need be, or what the environment holds.
   */
  async token(provider: string, options: TokenOptions = {}): Promise<Token> {
    const request: Request = { type: "token", ...this.#tokenRequest(provider, options) };
    return this.#run("token", request, UNATTENDED, options);
  }

  /** The headers that carry such a key on a request to the API of `provider`, and where that is. */
  async headers(provider: string, options: HeadersOptions = {}): Promise<Headers> {
    const { initiator, vision } = options;
    const body = isLookedAt(options.body) ? options.body : undefined;
    const request: Request = {
      type: "headers",
      ...this.#tokenRequest(provider, options),
      ...given({ body, initiator, vision }),
    };
    return this.#run("headers", request, UNATTENDED, options);
  }

  /** Logs in and stores the credential. */
  async login(options: LoginOptions = {}): Promise<LoggedIn> {
    const { provider = null, paste, noBrowser: no_browser, enterprise } = options;
    const interaction = this.#interaction;
    const request: Request = {
      type: "login",
      provider,
      ...given({ paste, no_browser, enterprise }),
      interactive: interaction.present ?? false,
      needs_display: !["darwin", "win32"].includes(process.platform),
      environment: this.#variables,
      entropy: randomBytes(64).toString("hex"),
    };
    return this.#run("logged_in", request, interaction, options);
  }

  /** Takes logins out of the store. API keys are left alone. */
  async logout(options: LogoutOptions = {}): Promise<LoggedOut> {
    const { provider = null, all, confirmed } = options;
    const interactive = this.#interaction.present ?? false;
    const request: Request = { type: "logout", provider, ...given({ all, confirmed }), interactive };
    return this.#run("logged_out", request, this.#interaction, options);
  }

  /**
   * The stored login of `provider`, whoever refreshes it, as the file has it; `null` where there is
   * none. It may have expired: {@link token} gives what can be sent.
   */
  async credential(provider: string, options: JobOptions = {}): Promise<OAuthCredentials | null> {
    const request: Request = { type: "read_credential", provider };
    const { credential, notes } = await this.#output("credential", request, UNATTENDED, options);
    this.#tell(notes);
    return credential && { ...credential, type: "oauth" };
  }

  /** Stores a login, in place of an older one of `provider`. */
  async storeCredential(
    provider: string,
    credential: OAuthCredentials,
    options: JobOptions = {},
  ): Promise<void> {
    const request: Request = {
      type: "write_credential",
      provider,
      credential: { ...credential, type: "oauth" },
    };
    const { notes } = await this.#output("credential_written", request, UNATTENDED, options);
    this.#tell(notes);
  }

  /** Who is logged in. Changes nothing and asks no server. */
  async status(options: JobOptions = {}): Promise<Status> {
    const request: Request = { type: "status", environment: this.#variables };
    return this.#run("status", request, UNATTENDED, options);
  }

  /** Says what the person should know where the caller gets no notes. */
  #tell(notes: readonly string[]): void {
    for (const note of notes) this.#interaction.waiting?.(note);
  }

  #tokenRequest(provider: string, options: TokenOptions): TokenRequest {
    const { callerKey: caller_key, minValidityMs: min_validity_ms, rejected } = options;
    const environment = this.#variables;
    return { provider, ...given({ caller_key, min_validity_ms, rejected }), environment };
  }

  async #run<Type extends Output["type"]>(
    type: Type,
    request: Request,
    interaction: Interaction,
    options: JobOptions,
  ): Promise<Of<Type>> {
    const { type: _, ...rest } = await this.#output(type, request, interaction, options);
    return camel(rest) as unknown as Of<Type>;
  }

  async #output<Type extends Output["type"]>(
    type: Type,
    request: Request,
    interaction: Interaction,
    { signal }: JobOptions,
  ): Promise<Extract<Output, { type: Type }>> {
    const output = await run(request, {
      store: this.#store(),
      environment: this.#environment,
      interaction,
      signal,
    });
    if (output.type !== type) throw new TypeError(`The core answered ${output.type} to ${type}.`);
    return output as Extract<Output, { type: Type }>;
  }
}

/** The largest body that is looked at, in bytes (8 MiB): half of what the core takes at once. */
export const MAX_LOOKED_AT = 8 << 20;

/** Whether the core is shown such a body, which it gets as a text in JSON. */
function isLookedAt(body: string | undefined): boolean {
  if (body === undefined || body.length > MAX_LOOKED_AT) return false;
  return Buffer.byteLength(JSON.stringify(body)) <= 2 * MAX_LOOKED_AT - SPARE_BYTES;
}

/** What the rest of a request may take, in bytes. */
const SPARE_BYTES = 1 << 20;

/** Nobody is there: every question ends at once. */
const UNATTENDED: Interaction = {};

/** An object without those members that are not given. */
function given<T extends object>(members: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}
