/** The lock directory of npm's proper-lockfile 4, as both of its ends need it. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { performance } from "node:perf_hooks";

import { aboutCore, shippedCore } from "../module.js";
import { NewDirectory } from "./private-directory.js";
import { codeOf } from "./text.js";

/** It means nothing on an empty directory, and tells our locks from the agent's. */
const STICKY = 0o1000n;

/** What a waiter has seen of somebody else's lock. */
export class Watch {
  #seen: { touched: bigint; sinceMs: number } | undefined;

  /** Whether a lock that looks like this, by its time and its mode, may be taken over. */
  isDead({ mtimeNs: touched, mode }: Pick<fs.BigIntStats, "mtimeNs" | "mode">): boolean {
    const nowMs = performance.now();
    if (this.#seen?.touched !== touched) this.#seen = { touched, sinceMs: nowMs };
    // One whose time lies ahead is of no age.
    const ageMs = Math.max(0, Date.now() - Number(touched / 1_000_000n));
    return shippedCore().call("is_dead_lock", {
      age_ms: ageMs,
      watched_ms: Math.trunc(nowMs - this.#seen.sinceMs),
      is_ours: (mode & STICKY) !== 0n,
    });
  }
}

/** A lock directory that is ours, and is touched. */
export class LockDirectory {
  readonly path: string;
  #release: (() => Promise<void>) | undefined;
  /** The directory that was made: it alone is touched, whatever its path leads to by then. */
  #made: NewDirectory | undefined;
  /** The time that it was last given by us, in nanoseconds; `undefined` before that. */
  #touched: bigint | undefined;
  /** The time that the library asked for in that touch. */
  #given: Date | undefined;
  #lost = false;

  private constructor(path: string) {
    this.path = path;
  }

  /** Takes the lock on `file` if it is free; `undefined` while somebody holds it. A dead one is buried. */
  static async tryTake(file: string, watch: Watch): Promise<LockDirectory | undefined> {
    const { default: lockfile } = await import("proper-lockfile");
    const lock = new LockDirectory(`${file}.lock`);
    try {
      lock.#release = await lockfile.lock(file, {
        // The file need not be there yet; its links were followed already.
        realpath: false,
        // Which lock is dead is decided here: two waiters could both remove one that they both see.
        stale: Number.MAX_SAFE_INTEGER,
        update: aboutCore().lock_touch_every_ms,
        retries: 0,
        fs: {
          ...fs,
          mkdir: lock.#make,
          stat: lock.#stat as unknown as typeof fs.stat,
          utimes: lock.#touch,
          rmdir: lock.#remove,
          rmdirSync: lock.#drop,
        },
        onCompromised: () => {
          lock.#lost = true;
        },
      });
    } catch (error) {
      const code = codeOf(error) ?? "";
      const isTaken = ["ELOCKED", "ESWAPPED"].includes(code) || (lock.#made && code === "ENOENT");
      lock.#made?.close();
      if (!isTaken) throw error;
    }
    if (lock.#release) {
      if (lock.isOurs) return lock;
      await lock.release();
    }
    try {
      const theirs = look(lock.path);
      if (watch.isDead(theirs)) bury(lock.path, theirs.mtimeNs);
    } catch (error) {
      // Gone since; the next attempt will tell.
      if (codeOf(error) !== "ENOENT") throw error;
    }
    return undefined;
  }

  /** Whether the directory still bears the time that we gave it. */
  get isOurs(): boolean {
    try {
      return !this.#lost && this.#isOurs(look(this.path));
    } catch {
      return false;
    }
  }

  async release(): Promise<void> {
    // One that was taken over is somebody else's to remove: the library notices that by its next touch,
    // or at the end of the process. One that cannot be looked at is no longer to be touched, at least.
    if (!this.#isGone) await this.#release?.().catch(() => undefined);
    this.#lost = true;
    // Only now: a touch that comes later stops at the line above.
    this.#made?.close();
  }

  /** Whether it was taken over or removed. */
  get #isGone(): boolean {
    try {
      return this.#lost || !this.#isOurs(look(this.path));
    } catch (error) {
      return codeOf(error) === "ENOENT";
    }
  }

  /** Tells if this is the directory that we made, with the time of our last touch, if any. */
  #isOurs({ dev, ino, mtimeNs }: fs.BigIntStats): boolean {
    if (this.#touched !== undefined && this.#touched !== mtimeNs) return false;
    const made = this.#made?.identity;
    return made === undefined || (made.dev === dev && made.ino === ino);
  }

  #make = (path: string, done: Done): void => {
    atOnce(done, () => {
      this.#made = new NewDirectory(path, Number(STICKY));
    });
  };

  /** The touch, at once, so that the time it leaves is known whenever somebody asks. */
  #touch = (path: string, atime: Date, mtime: Date, done: Done): void => {
    atOnce(done, () => {
      if (this.#lost || !this.#isOurs(look(path))) {
        // What stands there now is somebody else's, and is not to be touched.
        throw Object.assign(new Error("the lock was taken over"), { code: "ENOENT" });
      }
      this.#made?.touch(path, atime, mtime);
      [this.#touched, this.#given] = [modified(path), mtime];
    });
  };

  /**
   * Gives the library the lock's time as it asked for it, since it compares milliseconds. In Deno a
   * touch by descriptor sets one less, and some file systems store whole seconds.
   */
  #stat = (path: string, done: (error: Error | null, stat?: { mtime: Date }) => void): void => {
    let mtime: Date | undefined;
    atOnce(
      (error) => (mtime ? done(null, { mtime }) : done(error)),
      () => {
        const touched = modified(path);
        mtime = (touched === this.#touched && this.#given) || new Date(Number(touched / 1_000_000n));
      },
    );
  };

  /** Removes it, unless somebody has taken it over: the library does not look, least of all at exit. */
  #drop = (path: string): void => {
    if (!this.#lost && this.#isOurs(look(path))) fs.rmdirSync(path);
  };

  #remove = (path: string, done: Done): void => atOnce(done, () => this.#drop(path));
}

/**
 * Takes a dead lock out of the way. Two waiters may see the same dead lock, and the slower must not
 * remove what the faster has put in its place: so it is renamed away first, and put back if what was
 * caught is not what was seen.
 */
export function bury(path: string, seen: bigint): void {
  const grave = `${path}.${randomBytes(8).toString("hex")}`;
  fs.renameSync(path, grave);
  if (modified(grave) === seen) return fs.rmdirSync(grave);
  try {
    // A rename takes the place of an empty directory, so of this one, and of nobody else's.
    fs.mkdirSync(path);
    fs.renameSync(grave, path);
  } catch {
    fs.rmdirSync(grave);
  }
}

type Done = (error: Error | null) => void;

/** Does what is synchronous in the manner of what is not. */
function atOnce(done: Done, act: () => void): void {
  try {
    act();
  } catch (error) {
    return done(error as Error);
  }
  done(null);
}

function look(path: string): fs.BigIntStats {
  return fs.lstatSync(path, { bigint: true });
}

function modified(path: string): bigint {
  return look(path).mtimeNs;
}
