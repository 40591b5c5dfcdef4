/** What a flow failed with, as an exception. */
import type * as core from "./types.js";

/** A job that failed. Its message says what happened and {@link AuthError.advice} what to do next. */
export class AuthError extends Error {
  override readonly name = "AuthError";
  /** What the caller should do, as a stable word. */
  readonly code: core.ErrorCode;
  /** With `retry_later`: how long to wait, in milliseconds. */
  readonly afterMs: number | undefined;
  /** What to do next, for people. */
  readonly advice: string;

  constructor(error: core.Error) {
    super(error.message);
    this.code = error.code;
    this.afterMs = error.after_ms;
    this.advice = error.advice;
  }
}
