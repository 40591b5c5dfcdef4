/** The loop that answers a flow's effects with events. */
import { setTimeout as sleep } from "node:timers/promises";

import { openBrowser } from "./browser.js";
import { Callback, type Visit } from "./callback.js";
import { BadCall, type Flow } from "./core.js";
import { AuthError } from "./error.js";
import { Http } from "./http.js";
import { noteOf } from "./http/failure.js";
import { Cancelled, type Interaction } from "./interaction.js";
import { aboutCore, shippedCore } from "./module.js";
import { holdSignals } from "./signals.js";
import type { Store } from "./store.js";
import type {
  Authorize,
  Countdown,
  Effect,
  Event,
  Loopback,
  Output,
  Request,
  ShowCode,
} from "./types.js";
import { unlessAborted } from "./unless-aborted.js";

/** How long something may take before the person is told what it is, in milliseconds. */
const QUIET_MS = 1000;
/** Interval, in milliseconds, of checks of the clock and of the terminal during a wait. */
const LOOK_EVERY_MS = 1000;

/** What a job runs on. */
export interface Ground {
  store: Store;
  environment: NodeJS.ProcessEnv;
  interaction: Interaction;
  /** Asks the job to stop. */
  signal: AbortSignal | undefined;
}

/** Runs a job to its end. */
export async function run(request: Request, ground: Ground): Promise<Output> {
  try {
    const driver = new Driver(shippedCore().start(request), ground);
    return await driver.run();
  } catch (error) {
    // An option or an answer that the core cannot take: to the caller, one more reason to fail.
    throw error instanceof BadCall ? new AuthError(error) : error;
  }
}

/** A signal that never comes, for what must not be cancelled. */
const NEVER = new AbortController().signal;

class Driver {
  readonly #flow: Flow;
  readonly #ground: Ground;
  readonly #http: Http;
  #callback: Callback | undefined;
  /** The browser that brought the last callback, and still waits for its page. */
  #visit: Visit | undefined;
  #counting = false;
  /** The exception that a request ended in where only a failure of the network was expected. */
  #unexpected: unknown;
  readonly #over = new AbortController();
  #release: (() => Promise<void>) | undefined;

  constructor(flow: Flow, ground: Ground) {
    this.#flow = flow;
    this.#ground = ground;
    this.#http = new Http(ground.environment, aboutCore());
  }

  async run(): Promise<Output> {
    let output: Output | undefined;
    try {
      for (;;) {
        const effect = this.#flow.effect;
        this.#keepCounting(effect);
        await this.#guard();
        if (effect.type === "done") return (output = this.#noted(effect.output));
        if (effect.type === "failed") throw this.#unexpected ?? new AuthError(effect.error);
        this.#flow.step(await this.#answer(effect), Date.now());
      }
    } finally {
      await this.#end(output);
    }
  }

  /** Adds a note about a bug in a request to the result of the job, which stays valid. */
  #noted(output: Output): Output {
    if (this.#unexpected === undefined || !("notes" in output)) return output;
    return { ...output, notes: [...output.notes, noteOf(this.#unexpected)] };
  }

  /** Lets go of everything, whatever fails meanwhile: what came of the job stands. */
  async #end(output: Output | undefined): Promise<void> {
    this.#over.abort();
    this.#flow.drop();
    try {
      // The lock first: a browser may take its time.
      await this.#ground.store.unlock();
    } finally {
      await this.#endGuard();
      await Promise.allSettled([this.#dismiss(output), this.#http.close()]);
      this.#tell((person) => person.close?.());
    }
  }

  /** In a critical stretch this process is not ended by a signal. */
  async #guard(): Promise<void> {
    if (this.#flow.critical) this.#release ??= holdSignals();
    // At its end the lock goes first.
    else if (!this.#flow.ended) await this.#endGuard();
  }

  async #endGuard(): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    await release?.();
  }

  /** Performs an effect; in a critical stretch, whoever asks to stop has to wait. */
  async #answer(effect: Effect): Promise<Event> {
    const signal = this.#flow.critical ? NEVER : (this.#ground.signal ?? NEVER);
    if (signal.aborted) return { type: "cancelled" };
    try {
      return await this.#perform(effect, signal);
    } catch (error) {
      if (signal.aborted || error instanceof Cancelled) return { type: "cancelled" };
      if (effect.type !== "http" || !this.#flow.critical) throw error;
      // The provider may have acted upon it: the flow goes on to its end, so that the store knows.
      this.#unexpected ??= error;
      return { type: "transport_failed", failure: "broken" };
    }
  }

  async #perform(effect: Effect, signal: AbortSignal): Promise<Event> {
    const { store, interaction, environment } = this.#ground;
    switch (effect.type) {
      case "http": {
        const sent = this.#http.send(effect.request, signal);
        return effect.countdown
          ? this.#countedDown(sent, effect.countdown)
          : this.#waitedFor(sent, effect.activity);
      }
      case "read_overrides":
        return store.readOverrides();
      case "read_store":
        return store.read();
      case "probe_store":
        return this.#waitedFor(store.probe(signal), aboutCore().lock_activity);
      case "lock_store":
        return this.#waitedFor(
          store.lock(signal, this.#flow.critical ? "answer_in_hand" : "before_request"),
          aboutCore().lock_activity,
        );
      case "unlock_store":
        await store.unlock();
        return { type: "unlocked" };
      case "write_store":
        return store.write(effect.contents, effect.unlocked);
      case "read_backoff":
        return store.readBackoff();
      case "write_backoff":
        store.writeBackoff(effect.contents);
        return { type: "backoff_written" };
      case "read_variable":
        return { type: "variable", value: environment[effect.name] ?? null };
      case "listen":
        return this.#listen(effect.on, effect.preferred_port, effect.path);
      case "authorize":
        return this.#authorize(effect, signal);
      case "await_callback":
        return this.#awaitCallback(effect, signal);
      case "select": {
        const { message, options, remark } = effect;
        const question = { message, options, ...(remark !== null && { remark }) };
        const index = await unlessAborted(interaction.select?.(question, signal), signal);
        return index === undefined ? { type: "input_ended" } : { type: "chosen", index };
      }
      case "confirm": {
        const yes = await unlessAborted(interaction.confirm?.(effect.message, signal), signal);
        return yes === undefined ? { type: "input_ended" } : { type: "confirmed", yes };
      }
      case "prompt": {
        const { message, problem } = effect;
        const question = { message, ...(problem !== null && { problem }) };
        const text = await unlessAborted(interaction.prompt?.(question, signal), signal);
        return text === undefined ? { type: "input_ended" } : { type: "answered", text };
      }
      case "show_code":
        return this.#showCode(effect);
      case "wait_until": {
        const slept = sleep(Math.max(0, effect.at_ms - Date.now()), undefined, { signal });
        await (effect.countdown ? this.#countedDown(slept, effect.countdown) : slept);
        return { type: "woke" };
      }
      default:
        // `run` takes the ends; an effect that is newer than this host has no answer.
        return { type: "cancelled" };
    }
  }

  async #listen(on: Loopback, preferredPort: number, path: string): Promise<Event> {
    try {
      this.#callback = await Callback.listen(on, preferredPort, path);
      return { type: "listening", port: this.#callback.port };
    } catch {
      return { type: "listen_failed" };
    }
  }

  /** Shows the page, and takes whichever comes first: the browser or a paste. */
  async #authorize(page: Authorize, signal: AbortSignal): Promise<Event> {
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    try {
      // Before anything is opened: a browser may be back before its program has ended.
      const callback = page.callback ? this.#callback : undefined;
      const came = callback && this.#comeBack(callback, page.state, stop);
      came?.catch(() => undefined);
      this.#tell((person) => person.show?.(page));
      if (page.open_browser && page.problem === null) {
        const { one_time } = page;
        if (one_time) callback?.lead(one_time.path, page.url);
        // Not waited for: a text browser would keep the prompt away.
        void this.#open({ page: page.url, oneTime: callback && one_time?.url }, page.url);
      }
      const typed = this.#paste(page, stop);
      return await (came ? Promise.race([came, typed]) : typed);
    } finally {
      over.abort();
    }
  }

  /** Waits for the browser alone, until it is too late or nobody sees what is shown. */
  async #awaitCallback(
    { state, activity, until_ms }: Extract<Effect, { type: "await_callback" }>,
    signal: AbortSignal,
  ): Promise<Event> {
    const { interaction } = this.#ground;
    if (!this.#callback || interaction.gone) return { type: "input_ended" };
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    this.#tell((person) => person.waiting?.(activity));
    const ended = new Promise<Event>((resolve) => {
      const look = (): void => {
        if (interaction.gone) resolve({ type: "input_ended" });
        // By the clock: a timer stands still while a machine is suspended.
        else if (Date.now() >= until_ms) resolve({ type: "woke" });
      };
      look();
      const timer = setInterval(look, LOOK_EVERY_MS);
      over.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    });
    const came = this.#comeBack(this.#callback, state, stop);
    came.catch(() => undefined);
    try {
      return await Promise.race([came, ended]);
    } finally {
      over.abort();
      this.#tell((person) => person.waiting?.(undefined));
    }
  }

  /** The browser that brings the answer to the page with this state. */
  async #comeBack(callback: Callback, state: string, signal: AbortSignal): Promise<Event> {
    const answers = (query: string): boolean =>
      shippedCore().call("is_answered_by", { state, query });
    this.#visit = await callback.visit(answers, signal);
    return { type: "callback", query: this.#visit.query };
  }

  async #paste(page: Authorize, signal: AbortSignal): Promise<Event> {
    const { interaction } = this.#ground;
    const text = await unlessAborted(interaction.paste?.(page, signal), signal);
    return text === undefined ? { type: "input_ended" } : { type: "pasted", text };
  }

  async #showCode(code: ShowCode): Promise<Event> {
    const { interaction } = this.#ground;
    // A code that nobody sees is one that nobody enters.
    if (!interaction.showCode) return { type: "input_ended" };
    const shown: unknown = interaction.showCode(code);
    // It may be a promise all the same.
    void Promise.resolve(shown).catch(() => undefined);
    if (code.open_browser) void this.#open({ page: code.url }, code.verification_uri);
    return { type: "shown" };
  }

  /**
   * Opens a page; where that fails, the person is told what to open. The caller's `open` gets the
   * page itself: its browser may run on another machine.
   */
  async #open(url: { page: string; oneTime?: string | undefined }, shown: string): Promise<void> {
    const { interaction, environment } = this.#ground;
    const open = async (): Promise<boolean> =>
      interaction.open
        ? interaction.open(url.page)
        : openBrowser(url.oneTime ?? url.page, environment, this.#over.signal);
    // One that throws has opened nothing.
    const isOpen = await open().catch(() => false);
    // Once the login is over, nobody needs to open anything.
    if (!isOpen && !this.#over.signal.aborted) this.#tell((person) => person.browserFailed?.(shown));
  }

  /** Gives the browser its page, and closes the door. */
  async #dismiss(output: Output | undefined): Promise<void> {
    const page = output?.type === "logged_in" ? { logged_in: output.provider.name } : "failed";
    await Promise.all([this.#callback?.shut(), this.#visit?.answer(page)]);
    // A browser that has only connected, as some do in advance, would keep this process alive.
    this.#callback?.close();
  }

  /** A count-down goes on from one effect to the next, as long as they have one. */
  #keepCounting(next: Effect): void {
    const counts = (next.type === "wait_until" || next.type === "http") && next.countdown != null;
    if (this.#counting && !counts) this.#tell((person) => person.countingDown?.(undefined));
    this.#counting = counts;
  }

  /** Tells the person something. Where that fails, the job goes on: it may hold a login by now. */
  #tell(about: (person: Interaction) => unknown): void {
    // What is no promise by its type may be one all the same.
    void (async () => about(this.#ground.interaction))().catch(() => undefined);
  }

  /** Awaits `work`, and tells what it is when it takes more than a moment. */
  async #waitedFor<T>(work: Promise<T>, activity: string): Promise<T> {
    let told = false;
    const timer = setTimeout(() => {
      told = true;
      this.#tell((person) => person.waiting?.(activity));
    }, QUIET_MS);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
      if (told) this.#tell((person) => person.waiting?.(undefined));
    }
  }

  /** Awaits `work`, and tells every second how long the person still has. */
  async #countedDown<T>(work: Promise<T>, { message, until_ms }: Countdown): Promise<T> {
    const tell = (): void => {
      const leftMs = Math.max(0, until_ms - Date.now());
      this.#tell((person) => person.countingDown?.({ message, leftMs }));
    };
    tell();
    const timer = setInterval(tell, 1000);
    try {
      return await work;
    } finally {
      clearInterval(timer);
    }
  }
}
