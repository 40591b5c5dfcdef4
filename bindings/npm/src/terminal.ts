/** A person at a terminal: the default interaction. All is said on standard error. */
import { createInterface, type Interface } from "node:readline";

import { Cancelled, type Interaction, type Prompt, type Select } from "./interaction.js";
import type { Authorize, ShowCode } from "./types.js";

/** Asks on standard input and tells on standard error, so that standard output stays the program's. */
export class Terminal implements Interaction {
  #lines: Lines | undefined;
  #counting = false;
  /** The question that is open. */
  #question: string | undefined;
  #gone = false;
  #watching = false;

  get present(): boolean {
    return process.stdin.isTTY === true && process.stderr.isTTY === true;
  }

  get gone(): boolean {
    return this.#gone;
  }

  async select({ message, options, remark }: Select, signal: AbortSignal): Promise<number | undefined> {
    say(message);
    options.forEach((option, index) => say(`  ${index + 1}. ${option.name}`));
    if (remark !== undefined) say(`  ${remark}`);
    for (;;) {
      const line = await this.#ask(`Number (1-${options.length}):`, signal);
      if (line === undefined) return undefined;
      const number = Number(line.trim());
      if (Number.isInteger(number) && number >= 1 && number <= options.length) return number - 1;
    }
  }

  async confirm(message: string, signal: AbortSignal): Promise<boolean | undefined> {
    const line = await this.#ask(`${message} [y/N]`, signal);
    return line === undefined ? undefined : /^y(es)?$/i.test(line.trim());
  }

  async prompt({ message, problem }: Prompt, signal: AbortSignal): Promise<string | undefined> {
    if (problem !== undefined) say(problem);
    return this.#ask(message, signal);
  }

  show(page: Authorize): void {
    this.#watch();
    if (page.problem !== null) return say(page.problem);
    say(page.message);
    say(page.url);
  }

  async paste(page: Authorize, signal: AbortSignal): Promise<string | undefined> {
    return this.#ask(page.prompt, signal);
  }

  showCode(code: ShowCode): void {
    this.#watch();
    say(`${code.message}\n\n  ${code.user_code}\n\n${code.verification_uri}\n${code.warning}`);
  }

  browserFailed(url: string): void {
    const told = `No browser could be opened. Open this page yourself:\n${url}`;
    // The question comes again below it, and what was typed is kept.
    if (this.#question === undefined) say(told);
    else process.stderr.write(`\n${told}\n${this.#question} ${this.#lines?.typed ?? ""}`);
  }

  waiting(activity: string | undefined): void {
    // A sentence is a note; all else is still going on.
    if (activity !== undefined) say(activity.endsWith(".") ? activity : `${activity}...`);
  }

  countingDown(waiting: { message: string; leftMs: number } | undefined): void {
    // Once is enough where lines cannot be written over.
    if (waiting && !this.#counting) say(`${waiting.message}...`);
    this.#counting = waiting !== undefined;
  }

  close(): void {
    this.#lines?.close();
    this.#lines = undefined;
    process.stderr.off("error", this.#lost);
    this.#watching = false;
  }

  /** Notices where nobody reads any more. Without a listener that would end the program. */
  #watch(): void {
    if (!this.#watching) process.stderr.on("error", this.#lost);
    this.#watching = true;
  }

  readonly #lost = (): void => {
    this.#gone = true;
  };

  async #ask(question: string, signal: AbortSignal): Promise<string | undefined> {
    this.#watch();
    this.#lines ??= new Lines();
    process.stderr.write(`${question} `);
    this.#question = question;
    try {
      return await this.#lines.next(signal);
    } catch (error) {
      // Nobody has ended the line.
      say("");
      throw error;
    } finally {
      this.#question = undefined;
    }
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The lines of standard input. One reader for a whole job, or what was typed ahead would be lost. */
class Lines {
  readonly #reader: Interface;
  readonly #ready: string[] = [];
  #ended = false;
  #wanted: { resolve(line: string | undefined): void; reject(error: Error): void } | undefined;

  constructor() {
    const { stdin: input, stderr: output } = process;
    this.#reader = createInterface({ input, output, terminal: input.isTTY === true });
    this.#reader.on("line", (line) => {
      if (this.#wanted) this.#wanted.resolve(line);
      else this.#ready.push(line);
    });
    this.#reader.on("close", () => {
      this.#ended = true;
      this.#wanted?.resolve(undefined);
    });
    this.#reader.on("SIGINT", () => this.#wanted?.reject(new Cancelled("The person wants to stop.")));
  }

  /** The part of the next line that has been typed. */
  get typed(): string {
    return this.#reader.line;
  }

  async next(signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    if (this.#ready.length > 0) return this.#ready.shift();
    if (this.#ended) return undefined;
    takeKeys(true);
    const stop = (): void => this.#wanted?.reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await new Promise((resolve, reject) => (this.#wanted = { resolve, reject }));
    } finally {
      takeKeys(false);
      this.#wanted = undefined;
      signal.removeEventListener("abort", stop);
    }
  }

  close(): void {
    this.#reader.close();
  }
}

/**
 * Whether the terminal sends keys one by one. Between two questions it does not: there Ctrl-C is a signal,
 * and whatever that does, it leaves the terminal as it was.
 */
function takeKeys(all: boolean): void {
  if (process.stdin.isTTY) process.stdin.setRawMode(all);
}
