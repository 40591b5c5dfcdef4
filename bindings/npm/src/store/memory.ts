/** Credentials in memory, for jobs whose result the caller keeps. */
import type { Store } from "../store.js";
import type { Event } from "../types.js";
import { unlessAborted } from "../unless-aborted.js";

/** What several jobs of one process share. */
export class Memory {
  /** The text of the document; `null` where there is none. */
  contents: string | null;
  backoff: string | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(contents: string | null) {
    this.contents = contents;
  }

  /** Waits for its turn, or until `signal` is aborted; gives what ends it. */
  async lock(signal: AbortSignal): Promise<() => void> {
    const before = this.#last;
    let end: () => void = () => undefined;
    this.#last = new Promise((resolve) => (end = resolve));
    try {
      await unlessAborted(before, signal);
      return end;
    } catch (error) {
      // Whoever is behind still waits for those before.
      void before.then(end);
      throw error;
    }
  }
}

/** A store of that memory; overrides come from where `files` finds them. */
export class MemoryStore implements Store {
  readonly #memory: Memory;
  protected readonly files: Store;
  #end: (() => void) | undefined;

  constructor(memory: Memory, files: Store) {
    this.#memory = memory;
    this.files = files;
  }

  readOverrides(): Event {
    return this.files.readOverrides();
  }

  read(): Event {
    return { type: "store_read", path: "(memory)", contents: this.#memory.contents };
  }

  async probe(): Promise<Event> {
    return this.read();
  }

  async lock(signal: AbortSignal): Promise<Event> {
    this.#end ??= await this.#memory.lock(signal);
    return { type: "locked" };
  }

  async unlock(): Promise<void> {
    this.#end?.();
    this.#end = undefined;
  }

  write(contents: string): Event {
    this.#memory.contents = contents;
    return { type: "written" };
  }

  readBackoff(): Event {
    return { type: "backoff_read", contents: this.#memory.backoff };
  }

  writeBackoff(contents: string): void {
    this.#memory.backoff = contents;
  }
}
