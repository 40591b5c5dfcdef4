/** File descriptors that are held so that others can be had when it matters. */
import { openSync } from "node:fs";
import { devNull } from "node:os";

import { close } from "./plain.js";
import { codeOf } from "./text.js";

/** A read of the file, and the directory that is synced; twice that, for what libraries open meanwhile. */
const COUNT = 4;

export class Spares {
  readonly #descriptors: number[] = [];

  /** Opens all of them, or throws. */
  constructor() {
    try {
      while (this.#descriptors.length < COUNT) this.#descriptors.push(openSync(devNull, "r"));
    } catch (error) {
      this.close();
      throw error;
    }
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
