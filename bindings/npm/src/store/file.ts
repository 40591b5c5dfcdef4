/** The credential file: which one it is, and reading, locking and replacing it. */
import { closeSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { aboutCore, shippedCore } from "../module.js";
import type { Moment, Store } from "../store.js";
import type { Access, Event } from "../types.js";
import { readOwn } from "./backoff.js";
import { Lock, NoLock } from "./lock.js";
import { pause } from "./pause.js";
import { createFile, ownAs } from "./plain.js";
import { real, withTilde, type Places } from "./places.js";
import { Replacement, replaceNow, sweep } from "./replace.js";
import { directoriesOf, owned, userId } from "./access.js";
import { COUNT_OF_A_PROBE, Spares } from "./spares.js";
import { codeOf, failureOf, type Opened, readOpened } from "./text.js";

/** The lock, with the room to replace the file already taken. */
interface Held {
  lock: Lock;
  /** The file that is replaced: the one that was in use when the room was taken. */
  target: string;
  replacement: Replacement | undefined;
  /** Descriptors for what an answer that has come will need. */
  spares: Spares;
  /** What the file was when it was last read under this lock. */
  seen: string | undefined;
}

export class FileStore implements Store {
  readonly #places: Places;
  #held: Held | undefined;
  /** Descriptors that are held from the probe until the lock is taken: a person logs in without the lock. */
  #spares: Spares | undefined;

  constructor(places: Places) {
    this.#places = places;
  }

  readOverrides(): Event {
    const file = this.#places.overrides;
    const path = this.#shown(file);
    try {
      const opened = readOpened(file);
      // A mistyped name must not send tokens to the servers that it was to replace.
      if (opened === null && this.#places.namedOverrides !== undefined) {
        return { type: "overrides_failed", path, failure: "not_found" };
      }
      const contents = opened?.text ?? null;
      return { type: "overrides_read", path, contents, ...this.#access(file, opened) };
    } catch (error) {
      return { type: "overrides_failed", path, failure: failureOf(error) };
    }
  }

  read(): Event {
    let path = this.#places.preferred;
    try {
      let opened = this.#open(path);
      for (let look = 0; !opened?.text && look < aboutCore().migration_looks; look += 1) {
        path = this.#places.credentials;
        opened = this.#open(path);
        // Absent, or made and not written yet: the agent takes no lock for that.
        if (opened?.text || !this.#places.isMigrating()) break;
        pause(aboutCore().migration_look_every_ms);
      }
      // A file that its mode closes to everybody but its owner is its owner's, or root reads it.
      const isClosed = opened !== null && (opened.stat.mode & 0o077) === 0;
      const isEnough = isClosed && !this.#held && userId() !== 0;
      const access = isEnough ? {} : this.#access(path, opened);
      const contents = opened?.text ?? null;
      return { type: "store_read", path: this.#shown(path), contents, ...access };
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  /**
   * Reads it; under the lock, what it was before that is what a write compares with. An answer may be in our
   * hands: what it needs to be stored is not refused for want of a descriptor.
   */
  #open(path: string): Opened | null {
    const held = this.#held;
    if (!held) return this.#spares ? this.#spares.use(() => readOpened(path)) : readOpened(path);
    held.seen = identity(held.target);
    return held.spares.use(() => readOpened(path));
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
    // First: what the lock had is enough for the spares.
    await this.unlock();
    try {
      this.#spares = Spares.take(COUNT_OF_A_PROBE);
      return read;
    } catch (error) {
      return this.#failed(this.#places.directory, error);
    }
  }

  async lock(signal: AbortSignal, moment: Moment = "before_request"): Promise<Event> {
    // They are for this. Where it fails, another attempt, or a write without the lock, needs them again.
    this.#spares?.close();
    try {
      const event = await this.#lock(signal, moment);
      if (event.type === "locked") this.#spares = undefined;
      return event;
    } finally {
      this.#spares?.retake();
    }
  }

  async #lock(signal: AbortSignal, moment: Moment): Promise<Event> {
    if (this.#held && this.#isCurrent(this.#held)) return { type: "locked" };
    let path = this.#places.directory;
    try {
      if (this.#held && this.#isLock(this.#held.lock)) {
        path = this.#places.credentials;
        // The file has moved. The lock is kept, also where this fails: whoever came by meanwhile would
        // read, and send, a token that is spent by the answer in our hands.
        this.#moveRoom(this.#held, real(path), moment);
        return { type: "locked" };
      }
      // Let go first: what we hold is no longer the lock.
      await this.#release();
      const lock = await this.#takeLock(signal);
      try {
        path = this.#places.credentials;
        const target = real(path);
        const room = this.#takeRoom(target, moment);
        this.#held = { lock, target, ...room, seen: undefined };
      } catch (error) {
        await lock.release();
        throw error;
      }
      return { type: "locked" };
    } catch (error) {
      if (signal.aborted) throw error;
      if (!(error instanceof NoLock)) return this.#failed(path, error);
      const { owner } = error;
      const isRefused = ["EPERM", "EACCES"].includes(codeOf(error.cause) ?? "");
      if (isRefused && owner !== undefined) {
        return { type: "store_failed", path: this.#shown(error.path), failure: { owned_by: owner } };
      }
      if (error.cause !== undefined) return this.#failed(error.path, error.cause);
      const timedOut = { type: "lock_timed_out", path: this.#shown(error.path), alive: false } as const;
      return owner === undefined ? timedOut : Object.assign(timedOut, { owner });
    }
  }

  async unlock(): Promise<void> {
    this.#spares?.close();
    this.#spares = undefined;
    await this.#release();
  }

  async #release(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    held?.replacement?.discard();
    held?.spares.close();
    await held?.lock.release();
  }

  write(contents: string, unlocked: boolean): Event {
    const held = this.#held && this.#isCurrent(this.#held) ? this.#held : undefined;
    if (!held && !unlocked) return { type: "lock_lost" };
    this.#held?.spares.close();
    this.#spares?.close();
    let path = this.#places.directory;
    // Asked when the new file is complete and synced: that can take long enough for a lock to be
    // lost, and what follows is one system call.
    const mayReplace = (): boolean =>
      unlocked || (held !== undefined && this.#isCurrent(held) && isUnchanged(held));
    try {
      path = this.#places.credentials;
      const replacement = held?.replacement;
      if (held) held.replacement = undefined;
      const replaced = replacement?.commit(contents, mayReplace) ?? replaceNow(real(path), contents, mayReplace);
      return { type: replaced && this.#isRead(path) ? "written" : "lock_lost" };
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  readBackoff(): Event {
    try {
      return { type: "backoff_read", contents: readOwn(this.#places.backoff) };
    } catch {
      return { type: "backoff_read", contents: null };
    }
  }

  writeBackoff(contents: string): void {
    this.#held?.spares.close();
    try {
      const path = this.#places.backoff;
      // Made anew, whatever stood there.
      rmSync(path, { force: true });
      const file = createFile(path);
      try {
        writeFileSync(file, contents);
        giveToOwnerOf(dirname(path), file);
      } finally {
        closeSync(file);
      }
    } catch {
      // It is worth no more than its moment.
    }
  }

  /** Waits for whoever holds the lock. */
  async #takeLock(signal: AbortSignal): Promise<Lock> {
    const lock = await Lock.take(this.#places.locked, signal);
    if (this.#isLock(lock)) return lock;
    // While it was waited for, somebody has moved its place. Nobody does so twice.
    await lock.release();
    return Lock.take(this.#places.locked, signal);
  }

  /** Whether this still is the lock, wherever the file is. */
  #isLock(lock: Lock): boolean {
    try {
      return lock.isOn(this.#places.locked);
    } catch {
      return false;
    }
  }

  /** Whether this still is the lock, with room beside the file that is in use. */
  #isCurrent(held: Held): boolean {
    try {
      return real(this.#places.credentials) === held.target && this.#isLock(held.lock);
    } catch {
      return false;
    }
  }

  /**
   * Whether what was written here is what is read from now on. The agent may have renamed oauth.json
   * away just before it was replaced, and write auth.json, with what it has read, in a moment.
   */
  #isRead(path: string): boolean {
    for (let look = 0; look < aboutCore().migration_looks; look += 1) {
      if (this.#places.credentials !== path) return false;
      if (path === this.#places.preferred || !this.#places.isMigrating()) return true;
      pause(aboutCore().migration_look_every_ms);
    }
    return this.#places.credentials === path;
  }

  /**
   * Takes room beside the file, under the lock, after what others have left there is swept, and spare
   * descriptors. With an answer in hand only the write itself may fail: it has what can be had of both.
   */
  #takeRoom(target: string, moment: Moment): Pick<Held, "replacement" | "spares"> {
    // Of both names: what was left beside the one before the agent moved the file would stay for ever.
    for (const name of this.#places.names) sweep(real(name));
    if (moment === "answer_in_hand") {
      const replacement = unlessItFails(() => Replacement.create(target));
      return { replacement, spares: Spares.takeSome() };
    }
    const spares = Spares.take();
    try {
      return { replacement: Replacement.prepare(target), spares };
    } catch (error) {
      spares.close();
      throw error;
    }
  }

  /** Takes room beside another file. Where that fails, the next one who asks for the lock tries again. */
  #moveRoom(held: Held, target: string, moment: Moment): void {
    held.replacement?.discard();
    held.replacement = undefined;
    held.spares.close();
    Object.assign(held, this.#takeRoom(target, moment));
    held.target = target;
    held.seen = undefined;
  }

  /** Who could have changed the file, for the core to judge; nothing where no system tells. */
  #access(path: string, opened: Opened | null): { access?: Access } {
    const user = userId();
    const group = process.getegid?.();
    if (!opened || user === undefined || group === undefined) return {};
    return {
      access: {
        user,
        group,
        ...this.#places.served(),
        file: owned(opened.stat),
        directories: directoriesOf(path).map(([directory, stat]) => ({
          path: this.#shown(directory),
          ...owned(stat),
        })),
      },
    };
  }

  #shown(path: string): string {
    return shippedCore().call("plain", { text: withTilde(path) });
  }

  #failed(path: string, error: unknown): Event {
    return { type: "store_failed", path: this.#shown(path), failure: failureOf(error) };
  }
}

function unlessItFails<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

/** Tries to give a file to the owner of a directory; only root can, and it works without. */
function giveToOwnerOf(directory: string, file: number): void {
  try {
    ownAs(file, statSync(directory));
  } catch {
    // It stays ours.
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
