/** Replacing a file whole or not at all. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

import { aboutCore } from "../module.js";
import { createFile, ownAs } from "./plain.js";
import { codeOf, Unusable } from "./text.js";

/** How much more room than the present file is taken, in bytes: an entry grows by less. */
const SPARE_BYTES = 16 * 1024;

/** A file beside the target, with room taken so that writing it later does not fail for want of it. */
export class Replacement {
  readonly #target: string;
  readonly #path: string;
  readonly #file: number;
  #open = true;

  private constructor(target: string, path: string, file: number) {
    this.#target = target;
    this.#path = path;
    this.#file = file;
  }

  /** Creates it, readable by this user alone, and makes sure that the target may be replaced. */
  static prepare(target: string): Replacement {
    const present = statSync(target, { throwIfNoEntry: false });
    if (present && !present.isFile()) {
      throw new Unusable(present.isDirectory() ? "is_a_directory" : "not_a_file");
    }
    // One that nobody reads is replaced by nobody: there is no room to be taken for it.
    if (present && present.size > aboutCore().max_file_bytes) throw new Unusable("too_large");
    // A file that is marked immutable lets nobody open it so, nor rename over it.
    if (present) closeSync(openSync(target, "r+"));
    const name = `${prefix(target)}${process.pid}-${randomBytes(8).toString("hex")}${SUFFIX}`;
    const path = join(dirname(target), name);
    const replacement = new Replacement(target, path, createFile(path));
    try {
      if (present) ownAs(replacement.#file, present);
      fill(replacement.#file, Buffer.alloc((present?.size ?? 0) + SPARE_BYTES), false);
      return replacement;
    } catch (error) {
      replacement.discard();
      throw error;
    }
  }

  /**
   * Writes `contents`, and once they are safe asks `mayReplace` for the last time before the file
   * takes the target's place. Tells whether it did.
   */
  commit(contents: string, mayReplace: () => boolean): boolean {
    try {
      const bytes = Buffer.from(contents, "utf8");
      fill(this.#file, bytes, true);
      if (!mayReplace()) return false;
      try {
        renameSync(this.#path, this.#target);
      } catch (error) {
        if (codeOf(error) !== "EBUSY") throw error;
        // The target is a mount point of its own, as in containers that are given this one file.
        // It can only be written as the agent writes it.
        const file = openSync(this.#target, "r+");
        try {
          fill(file, bytes, true);
        } finally {
          closeSync(file);
        }
      }
      syncDirectory(dirname(this.#target));
      return true;
    } finally {
      this.discard();
    }
  }

  /** Removes it, unless it is in place. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    // What fails now is no reason to call a job failed that is done.
    try {
      closeSync(this.#file);
    } catch {
      // What was to last is synced.
    }
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // What cannot be removed is swept later.
    }
  }
}

function fill(file: number, bytes: Buffer, sync: boolean): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, at);
  if (!sync) return;
  ftruncateSync(file, bytes.length);
  fsyncSync(file);
}

/** Makes a change of names durable; what could still fail is only its survival of a power cut. */
function syncDirectory(directory: string): void {
  try {
    const file = openSync(directory, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch {
    // Some file systems cannot, and then need not.
  }
}

const SUFFIX = ".tmp";

function prefix(target: string): string {
  return `.${basename(target)}.`;
}

/** How old, in milliseconds, a living process's file must be before it counts as left behind. */
const YOUNG_MS = 5000;

/** Removes what killed processes left behind. Under the lock nobody else has one in use. */
export function sweep(target: string): void {
  const directory = dirname(target);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) {
    const middle = name.startsWith(prefix(target)) && name.slice(prefix(target).length);
    const maker = middle && /^([1-9]\d{0,9})-[0-9a-f]{16}\.tmp$/.exec(middle)?.[1];
    if (!maker) continue;
    try {
      const path = join(directory, name);
      const made = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (isGone(Number(maker)) || Date.now() - made > YOUNG_MS) rmSync(path, { force: true });
    } catch {
      // A directory, or somebody else's: it is in nobody's way.
    }
  }
}

function isGone(id: number): boolean {
  try {
    process.kill(id, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}
