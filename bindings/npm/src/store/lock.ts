/**
 * The lock on the credential file, by the agent's rules: npm's proper-lockfile, a directory that
 * its holder keeps touching, and that others take over once it was left alone for long enough.
 */
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { codeOf } from "./text.js";

/** How long a waiter waits before it gives up, in milliseconds. */
const PATIENCE_MS = 40_000;
/** How long a lock must have been left alone before it counts as dead. */
const STALE_MS = 30_000;
/** How often a holder touches it. The agent's shortest idea of a dead lock is 10 s. */
const TOUCH_EVERY_MS = 2000;

/** Somebody else held the lock for too long. */
export class TimedOut extends Error {
  readonly path: string;

  constructor(path: string) {
    super("the lock is held");
    this.path = path;
  }
}

export class Lock {
  readonly #directories: LockDirectory[] = [];

  /**
   * Takes the locks on `target`. `named` is the same file as the agent calls it, which may be a link:
   * the agent locks beside the one when it writes at once, and beside the other when it refreshes.
   */
  static async take(named: string, target: string, signal: AbortSignal): Promise<Lock> {
    const lock = new Lock();
    const deadline = Date.now() + PATIENCE_MS;
    try {
      for (const file of new Set([target, named])) {
        lock.#directories.push(await LockDirectory.take(file, deadline, signal));
      }
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Whether nobody has taken it over. */
  get isOurs(): boolean {
    return this.#directories.every((directory) => directory.isOurs);
  }

  async release(): Promise<void> {
    for (const directory of this.#directories.splice(0)) await directory.release();
  }
}

class LockDirectory {
  readonly #path: string;
  #release: (() => Promise<void>) | undefined;
  /** The time that it was last given by us, in nanoseconds. */
  #touched = 0n;
  #lost = false;

  private constructor(path: string) {
    this.#path = path;
  }

  static async take(
    file: string,
    deadline: number,
    signal: AbortSignal,
  ): Promise<LockDirectory> {
    const { default: lockfile } = await import("proper-lockfile");
    const lock = new LockDirectory(`${file}.lock`);
    for (;;) {
      signal.throwIfAborted();
      try {
        lock.#release = await lockfile.lock(file, {
          // The file need not be there yet; its links were followed already.
          realpath: false,
          stale: STALE_MS,
          update: TOUCH_EVERY_MS,
          retries: 0,
          fs: { ...fs, utimes: lock.#touch },
          onCompromised: () => {
            lock.#lost = true;
          },
        });
        lock.#touched = modified(lock.#path);
        return lock;
      } catch (error) {
        if (codeOf(error) !== "ELOCKED") throw error;
        if (Date.now() >= deadline) throw new TimedOut(lock.#path);
      }
      // Differently long each time, so that waiters do not move in step.
      await sleep(5 + Math.random() * 20, undefined, { signal });
    }
  }

  /** Whether the directory still bears the time that we gave it. */
  get isOurs(): boolean {
    try {
      return !this.#lost && modified(this.#path) === this.#touched;
    } catch {
      return false;
    }
  }

  async release(): Promise<void> {
    // One that was taken over is somebody else's to remove; ours notices that by its next touch.
    if (this.isOurs) await this.#release?.().catch(() => undefined);
    this.#lost = true;
  }

  /** The touch, at once, so that the time it leaves is known whenever somebody asks. */
  #touch = (path: string, atime: Date, mtime: Date, done: (error: Error | null) => void): void => {
    try {
      fs.utimesSync(path, atime, mtime);
      this.#touched = modified(path);
    } catch (error) {
      done(error as Error);
      return;
    }
    done(null);
  };
}

function modified(path: string): bigint {
  return fs.lstatSync(path, { bigint: true }).mtimeNs;
}
