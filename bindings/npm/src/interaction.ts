/** What a host shows to a person, and asks of them. */
import type { Authorize, Label, ShowCode } from "./types.js";

/**
 * A person, seen from a job. Give those parts that your user interface has; a question without one
 * counts as a question to nobody.
 *
 * A question is answered with `undefined` where nobody is there to answer (any more), and rejected
 * with {@link Cancelled} where the person wants to stop. Its `signal` is aborted when the answer is
 * no longer needed, as when a browser came back while the person was still being asked.
 *
 * What only tells something may fail: the job goes on, for it may hold a login by then. It ends only
 * where {@link Interaction.showCode} throws: nobody could enter the code.
 */
export interface Interaction {
  /**
   * Whether there is somebody to confirm, to pick what to log out of, and to be asked for what has a
   * default (a GitHub Enterprise); false unless given.
   */
  readonly present?: boolean;
  /**
   * True once nobody sees any more what is shown, as when the reader of a pipe has gone away. Read
   * about once a second while the login waits for nothing but a browser.
   */
  readonly gone?: boolean;
  /** Has the person pick one of `options`, which is never empty; answers with its index. */
  select?(question: Select, signal: AbortSignal): Promise<number | undefined>;
  /** Asks a yes-or-no question. */
  confirm?(message: string, signal: AbortSignal): Promise<boolean | undefined>;
  /** Asks for a line of text, which may be empty. */
  prompt?(question: Prompt, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Shows the page to be opened, before anything opens it. Called again with a `problem` when an
   * answer was not taken.
   */
  show?(page: Authorize): void;
  /** Takes the code, or the address, that the person pastes. */
  paste?(page: Authorize, signal: AbortSignal): Promise<string | undefined>;
  /** Shows the code to be entered, and where. Without it nobody can log in by a code. */
  showCode?(code: ShowCode): void;
  /**
   * Opens a page; tells whether that worked. The system's browser unless given. Questions are asked
   * meanwhile.
   */
  open?(url: string): Promise<boolean>;
  /** Tells that no browser could be opened, so that the person opens `url`. */
  browserFailed?(url: string): void;
  /** Tells what is being waited for, once it has taken a second; `undefined` when it is over. */
  waiting?(activity: string | undefined): void;
  /** Tells how long the person still has, about once a second; `undefined` when it is over. */
  countingDown?(waiting: { message: string; leftMs: number } | undefined): void;
  /** The job is over: nothing more comes. */
  close?(): void;
}

/** A question with a list of answers. */
export interface Select {
  message: string;
  options: Label[];
  /** A line below the options that cannot be picked. */
  remark?: string;
}

/** A question for a line of text. */
export interface Prompt {
  message: string;
  /** Why the last answer was not taken. */
  problem?: string;
}

/** The person wants to stop. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}
