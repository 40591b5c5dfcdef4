/**
 * The core alone: flows that decide, and reach nothing. For browsers, workers, Deno, Bun and Node.
 *
 * A flow asks for one effect after another (send this, read the file, show this page); the host
 * performs each and answers with an event. The module has no imports: no file, socket, clock or
 * random source is within its reach.
 */
import { Door } from "./door.js";
import { engine, type CompiledModule } from "./engine.js";
import type * as core from "./types.js";
import type { Effect, Event, Request } from "./types.js";

export type * from "./types.js";
export type { CompiledModule } from "./engine.js";

/** A question that needs no flow, and what comes of it: by hand what `bindings/src/call.rs` says. */
export interface Calls {
  /** What a host has to know before it begins. */
  about: { call: object; value: About };
  /** Whether the query of a callback is the answer to the effect `authorize` with this state. */
  is_answered_by: { call: { state: string; query: string }; value: boolean };
  /** Tells if one of these origins lets a secret go to this URL. */
  is_allowed_origin: { call: { origins: string[]; url: string }; value: boolean };
  /** Decides on a request to the callback server. */
  admit: { call: CallbackRequest; value: core.Admission };
  /** A page for a browser, as it is sent. */
  page: {
    call: { page: core.CallbackPage };
    value: { status: number; headers: [name: string, value: string][]; html: string };
  };
  /** The commands that may open a page, in order: each a program and its arguments. */
  browser_commands: {
    call: {
      url: string;
      browser: string;
      is_wsl: boolean;
      system: "freedesktop" | "mac" | "windows";
    };
    value: string[][];
  };
  /** The names of those variables that a browser must not inherit. */
  secret_variables: { call: { variables: [name: string, value: string][] }; value: string[] };
  /** Whether a lock may be taken over that looks this old, and has stayed as it is for so long. */
  is_dead_lock: {
    call: { age_ms: number; watched_ms: number; is_ours: boolean };
    value: boolean;
  };
  /** Whether the agent may be just moving the file, of which `oauth.json` was renamed then. */
  is_migrating: { call: { renamed_ms: number; now_ms: number }; value: boolean };
  /** A text as it may be shown to a person, without control characters. */
  plain: { call: { text: string }; value: string };
}

/** A request that came to the callback server. */
export interface CallbackRequest {
  /** The port on which it came. */
  port: number;
  /** The path that the provider sends browsers to. */
  path: string;
  /** The path of the one-time address, if there is one. */
  one_time_path: string | null;
  method: string;
  /** The header `Host`, if there is one. */
  host: string | null;
  /** Path and query. */
  target: string;
}

/** What a host has to know before it begins. */
export interface About {
  /** The version of the core. */
  version: string;
  /** The environment variables whose values belong into a request. */
  variables: string[];
  /** How long to try to connect, in milliseconds. */
  connect_timeout_ms: number;
  /** How long a whole HTTP request may take, in milliseconds. */
  total_timeout_ms: number;
  /** The largest body of a response that is read, in bytes. */
  max_body_bytes: number;
  /** The largest credential or overrides file that is read, in bytes. */
  max_file_bytes: number;
  /** How long before its end a token is no longer used, in milliseconds. */
  buffer_ms: number;
  /** What to say when the lock takes over a second. */
  lock_activity: string;
  /** How often to touch a lock that is held, in milliseconds. */
  lock_touch_every_ms: number;
  /** How long to wait for one that is not, in milliseconds. */
  lock_patience_ms: number;
  /** How many connections the callback server holds at once. */
  callback_connections: number;
  /** How long a connection there may take to send its request, in milliseconds. */
  callback_timeout_ms: number;
  /** The longest request head there, in bytes. */
  callback_head_bytes: number;
  /** How often to look for a file that the agent is about to write. */
  migration_looks: number;
  /** How long to wait between two looks, in milliseconds. */
  migration_look_every_ms: number;
}

/** A call that the core cannot make sense of: a bug in the program that makes it. */
export class BadCall extends Error {
  override readonly name = "BadCall";
  readonly code: core.ErrorCode;
  readonly advice: string;

  constructor(error: core.Error) {
    super(error.message);
    this.code = error.code;
    this.advice = error.advice;
  }
}

type Answer =
  | { handle?: number; critical: boolean; effect: Effect; error?: undefined }
  | { error: core.Error };

/** One job under way. */
export class Flow {
  readonly #door: Door;
  #handle: number | undefined;
  #effect: Effect;
  #critical: boolean;

  /** Use {@link Core.start}. */
  constructor(door: Door, request: Request) {
    this.#door = door;
    const answer = checked(door.start(encoded(request)));
    this.#handle = answer.handle;
    this.#effect = answer.effect;
    this.#critical = answer.critical;
  }

  /** What the host has to do next. After `done` and `failed` nothing more comes. */
  get effect(): Effect {
    return this.#effect;
  }

  /**
   * Whether the effect stands between a request that the provider acts upon only once and the
   * file: the host must neither cancel it nor end before the flow does.
   */
  get critical(): boolean {
    return this.#critical;
  }

  /** Whether it is over. */
  get ended(): boolean {
    return this.#handle === undefined;
  }

  /** Answers the effect; gives the next one. `nowMs` is the time in epoch milliseconds. */
  step(event: Event, nowMs: number): Effect {
    // Handles begin at 1: none of that number is ever under way.
    const answer = checked(this.#door.step(this.#handle ?? 0, encoded(event), nowMs));
    this.#handle = answer.handle;
    this.#effect = answer.effect;
    this.#critical = answer.critical;
    return this.#effect;
  }

  /** Gives it up. One that has ended needs no such thing. */
  drop(): void {
    if (this.#handle !== undefined) this.#door.drop(this.#handle);
    this.#handle = undefined;
  }
}

/** The core, ready to run any number of flows. */
export class Core {
  readonly #door: Door;

  /** Use {@link loadCore} or {@link loadCoreSync}. */
  constructor(door: Door) {
    this.#door = door;
  }

  /** Begins a job. */
  start(request: Request): Flow {
    return new Flow(this.#door, request);
  }

  /** Answers what needs no flow. */
  call<Name extends keyof Calls>(type: Name, call: Calls[Name]["call"]): Calls[Name]["value"] {
    const answer = this.#door.call(encoded({ ...call, type })) as
      | { value: Calls[Name]["value"]; error?: undefined }
      | { error: core.Error };
    if (answer.error) throw new BadCall(answer.error);
    return answer.value;
  }
}

/** Loads the core from its bytes (`pi-auth/core.wasm`), or from a module that was made of them. */
export async function loadCore(
  source: ArrayBuffer | ArrayBufferView | CompiledModule,
): Promise<Core> {
  const module = source instanceof engine.Module ? source : await engine.compile(source);
  return new Core(new Door((await engine.instantiate(module)).exports));
}

/** The same at once. Browsers take this only in workers. */
export function loadCoreSync(source: ArrayBuffer | ArrayBufferView | CompiledModule): Core {
  const module = source instanceof engine.Module ? source : new engine.Module(source);
  return new Core(new Door(new engine.Instance(module).exports));
}

/** As JSON. A person may paste half of a character, which JSON for the core cannot hold. */
function encoded(value: object): string {
  const wellFormed = (_: string, member: unknown): unknown =>
    typeof member === "string" ? member.toWellFormed() : member;
  return JSON.stringify(value, wellFormed);
}

function checked(json: unknown): Exclude<Answer, { error: core.Error }> {
  const answer = json as Answer;
  if (answer.error) throw new BadCall(answer.error);
  return answer;
}
