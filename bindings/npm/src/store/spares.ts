/** File descriptors that are held so that others can be had when it matters. */
import { openSync } from "node:fs";
import { devNull } from "node:os";

import { close } from "./plain.js";
import { codeOf } from "./text.js";

/** A read of the file, and the directory that is synced; twice that, for what libraries open meanwhile. */
const COUNT = 4;
/**
 * How many are held from the probe until the lock is taken: for the spares that come with the lock, the
 * new file, a lock directory or another file for a moment; one more, for what libraries open meanwhile.
 */
export const COUNT_OF_A_PROBE = COUNT + 4;

export class Spares {
  readonly #descriptors: number[] = [];

  readonly #count: number;

  private constructor(count: number) {
    this.#count = count;
  }

  /** Opens all of them, or throws. */
  static take(count = COUNT): Spares {
    const spares = new Spares(count);
    try {
      spares.#fill();
      return spares;
    } catch (error) {
      spares.close();
      throw error;
    }
  }

  /** Opens as many of them as can be had. */
  static takeSome(): Spares {
    const spares = new Spares(COUNT);
    spares.retake();
    return spares;
  }

  /** Opens those again that were closed, as many as can be had. */
  retake(): void {
    try {
      this.#fill();
    } catch {
      // With fewer of them a save may still work.
    }
  }

  #fill(): void {
    while (this.#descriptors.length < this.#count) this.#descriptors.push(openSync(devNull, "r"));
  }

  /** Does this, a second time with the spare descriptors closed where there were no others. */
  use<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!["EMFILE", "ENFILE"].includes(codeOf(error) ?? "") || this.#descriptors.length === 0) throw error;
      this.close();
      return act();
    }
  }

  close(): void {
    for (const descriptor of this.#descriptors.splice(0)) close(descriptor);
  }
}
