/** The credential file: which one it is, and reading, locking and replacing it. */
import { closeSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import type { Store } from "../store.js";
import type { Event } from "../types.js";
import { Lock, NoLock } from "./lock.js";
import { createFile, ownAs } from "./plain.js";
import { besideItself, real, withTilde, type Places } from "./places.js";
import { Replacement, sweep } from "./replace.js";
import { failureOf, readText } from "./text.js";

/** How often, and how long apart, a file is looked for that the agent is about to write. */
const MIGRATION_LOOKS = 10;
const MIGRATION_PAUSE_MS = 20;

/** The lock, with the room to replace the file already taken. */
interface Held {
  target: string;
  lock: Lock;
  replacement: Replacement | undefined;
  /** What the file was when it was last read under this lock. */
  seen: string | undefined;
}

export class FileStore implements Store {
  readonly #places: Places;
  readonly #plain: (text: string) => string;
  #held: Held | undefined;

  /** `plain` makes a text fit to be shown. */
  constructor(places: Places, plain: (text: string) => string) {
    this.#places = places;
    this.#plain = plain;
  }

  readOverrides(): Event {
    const file = this.#places.overrides;
    const path = this.#shown(file);
    try {
      const contents = readText(file);
      // A mistyped name must not send tokens to the servers that it was to replace.
      if (contents === null && this.#places.namedOverrides !== undefined) {
        return { type: "overrides_failed", path, failure: "not_found" };
      }
      return { type: "overrides_read", path, contents };
    } catch (error) {
      return { type: "overrides_failed", path, failure: failureOf(error) };
    }
  }

  read(): Event {
    let path = this.#places.preferred;
    try {
      if (this.#held) this.#held.seen = identity(this.#held.target);
      let contents = readText(path);
      for (let look = 0; contents === null && look < MIGRATION_LOOKS; look += 1) {
        path = this.#places.credentials;
        contents = readText(path);
        if (contents !== null || !this.#places.isMigrating()) break;
        pause(MIGRATION_PAUSE_MS);
      }
      return { type: "store_read", path: this.#shown(path), contents };
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  async probe(signal: AbortSignal): Promise<Event> {
    try {
      this.#places.create();
    } catch (error) {
      return this.#failed(this.#places.directory, error);
    }
    const locked = await this.lock(signal);
    if (locked.type !== "locked") return locked;
    const read = this.read();
    await this.unlock();
    return read;
  }

  async lock(signal: AbortSignal): Promise<Event> {
    if (this.#held && this.#isCurrent(this.#held)) return { type: "locked" };
    // Let go first: what we hold is no longer the lock, or no longer the file.
    await this.unlock();
    let path = this.#places.directory;
    try {
      path = this.#places.credentials;
      this.#held = await hold(path, signal);
      if (!this.#isCurrent(this.#held)) {
        // While it was waited for, the agent has moved the file. It does so only once.
        await this.unlock();
        this.#held = await hold(this.#places.credentials, signal);
      }
      return { type: "locked" };
    } catch (error) {
      if (signal.aborted) throw error;
      if (!(error instanceof NoLock)) return this.#failed(path, error);
      if (error.cause !== undefined) return this.#failed(error.path, error.cause);
      return { type: "lock_timed_out", path: this.#shown(error.path), alive: false };
    }
  }

  async unlock(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    held?.replacement?.discard();
    await held?.lock.release();
  }

  write(contents: string, unlocked: boolean): Event {
    const held = this.#held && this.#isCurrent(this.#held) ? this.#held : undefined;
    if (!held && !unlocked) return { type: "lock_lost" };
    let path = this.#places.directory;
    // Asked when the new file is complete and synced: that can take long enough for a lock to be
    // lost, and what follows is one system call.
    const mayReplace = (): boolean =>
      unlocked || (held !== undefined && this.#isCurrent(held) && isUnchanged(held));
    try {
      path = this.#places.credentials;
      const replacement = held?.replacement ?? Replacement.prepare(real(path));
      if (held) held.replacement = undefined;
      const replaced = replacement.commit(contents, mayReplace);
      // The agent may have moved oauth.json to auth.json at this very moment: then what was written
      // is not what is read from now on.
      const isRead = this.#places.credentials === path;
      return { type: replaced && isRead ? "written" : "lock_lost" };
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  readBackoff(): Event {
    try {
      return { type: "backoff_read", contents: readText(this.#backoff) };
    } catch {
      return { type: "backoff_read", contents: null };
    }
  }

  writeBackoff(contents: string): void {
    try {
      // Made anew, whatever stood there.
      rmSync(this.#backoff, { force: true });
      const file = createFile(this.#backoff);
      try {
        ownAs(file, statSync(dirname(this.#backoff)));
        writeFileSync(file, contents);
      } finally {
        closeSync(file);
      }
    } catch {
      // It is worth no more than its moment.
    }
  }

  get #backoff(): string {
    return `${real(this.#places.credentials)}.backoff`;
  }

  /** Whether this still is the lock on the file that is in use. */
  #isCurrent(held: Held): boolean {
    try {
      return real(this.#places.credentials) === held.target && held.lock.isOurs;
    } catch {
      return false;
    }
  }

  #shown(path: string): string {
    return this.#plain(withTilde(path));
  }

  #failed(path: string, error: unknown): Event {
    return { type: "store_failed", path: this.#shown(path), failure: failureOf(error) };
  }
}

async function hold(path: string, signal: AbortSignal): Promise<Held> {
  const target = real(path);
  const lock = await Lock.take(besideItself(path), target, signal);
  try {
    sweep(target);
    return { target, lock, replacement: Replacement.prepare(target), seen: undefined };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Whether the file is still what was read: not everybody who writes it takes the lock. */
function isUnchanged(held: Held): boolean {
  return held.seen === undefined || held.seen === identity(held.target);
}

/** What tells one state of a file from another. */
function identity(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? [stat.dev, stat.ino, stat.size, stat.mtimeNs].join(" ") : "none";
}

/** A pause of this whole thread: it is short and rare, and reading need not become asynchronous. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
