/**
 * The lock on the credential file, by the agent's rules: npm's proper-lockfile, a directory that
 * its holder keeps touching, and that others take over once it was left alone for long enough.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { LockDirectory, Watch } from "./directory.js";

/** How long a waiter waits before it gives up, in milliseconds. */
const PATIENCE_MS = 40_000;

/** There is no lock. */
export class NoLock extends Error {
  /** The lock that could not be had. */
  readonly path: string;
  /** Why it could not be made; `undefined` where somebody else held it for too long. */
  override readonly cause: unknown;

  constructor(path: string, cause?: unknown) {
    super("the lock cannot be had");
    this.path = path;
    this.cause = cause;
  }
}

export class Lock {
  readonly #directories: LockDirectory[] = [];

  /**
   * Takes the locks on `target`. `named` is the same file as the agent calls it, which may be a link:
   * the agent locks beside the one when it writes at once, and beside the other when it refreshes.
   *
   * @throws NoLock, or an `AbortError` once `signal` is aborted.
   */
  static async take(named: string, target: string, signal: AbortSignal): Promise<Lock> {
    const lock = new Lock();
    const deadline = performance.now() + PATIENCE_MS;
    try {
      // The one beside the target first: a refresh of the agent's holds it for seconds, while those
      // who want the other wait for it for a moment only.
      for (const file of new Set([target, named])) {
        lock.#directories.push(await take(file, deadline, signal));
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

async function take(file: string, deadline: number, signal: AbortSignal): Promise<LockDirectory> {
  const path = `${file}.lock`;
  const watch = new Watch();
  for (;;) {
    signal.throwIfAborted();
    const directory = await LockDirectory.tryTake(file, watch).catch((error: unknown) => {
      throw new NoLock(path, error);
    });
    if (directory) return directory;
    if (performance.now() >= deadline) throw new NoLock(path);
    // Differently long each time, so that waiters do not move in step.
    await sleep(5 + Math.random() * 20, undefined, { signal });
  }
}
