/**
 * The lock on the credential file, by the agent's rules: npm's proper-lockfile, a directory that
 * its holder keeps touching, and that others take over once it was left alone for long enough.
 */
import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { aboutCore } from "../module.js";
import { LockDirectory, Watch } from "./directory.js";

/** There is no lock. */
export class NoLock extends Error {
  /** The lock that could not be had. */
  readonly path: string;
  /** Why it could not be made; `undefined` where somebody else held it for too long. */
  override readonly cause: unknown;
  /** The id of its owner, if neither this user nor the owner of the directory around it. */
  readonly owner: number | undefined;

  constructor(path: string, cause?: unknown) {
    super("the lock cannot be had");
    this.path = path;
    this.cause = cause;
    this.owner = foreignOwner(path);
  }
}

function foreignOwner(path: string): number | undefined {
  const options = { throwIfNoEntry: false } as const;
  try {
    const { uid } = lstatSync(path, options) ?? {};
    const isKnown = uid === undefined || uid === process.geteuid?.() || uid === statSync(dirname(path), options)?.uid;
    return isKnown ? undefined : uid;
  } catch {
    return undefined;
  }
}

export class Lock {
  readonly #files: readonly string[];
  readonly #directories: LockDirectory[] = [];

  private constructor(files: readonly string[]) {
    this.#files = files;
  }

  /**
   * Takes the locks on these files, one after the other.
   *
   * @throws NoLock, or an `AbortError` once `signal` is aborted.
   */
  static async take(files: readonly string[], signal: AbortSignal): Promise<Lock> {
    const lock = new Lock(files);
    const deadline = performance.now() + aboutCore().lock_patience_ms;
    try {
      for (const file of files) lock.#directories.push(await take(file, deadline, signal));
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Whether it is the lock on these very files, and nobody has taken it over. */
  isOn(files: readonly string[]): boolean {
    const isSame = (file: string, index: number): boolean => file === this.#files[index];
    if (files.length !== this.#files.length || !files.every(isSame)) return false;
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
