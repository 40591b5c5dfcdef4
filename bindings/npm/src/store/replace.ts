/** Replacing a file whole or not at all. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

import { aboutCore } from "../module.js";
import { pause } from "./pause.js";
import { close, createFile, ownAs } from "./plain.js";
import { isUnsupported, pausesAfter } from "./refusal.js";
import { codeOf, Unusable } from "./text.js";

/** How much more room than the present file is taken, in bytes: an entry grows by less. */
const SPARE_BYTES = 16 * 1024;

/** A file beside the target, with room taken so that writing it later does not fail for want of it. */
export class Replacement {
  readonly #target: string;
  #path: string;
  readonly #file: number;
  #open = true;

  private constructor(target: string, path: string, file: number) {
    this.#target = target;
    this.#path = path;
    this.#file = file;
  }

  /**
   * Creates it and tries everything that {@link commit} will need: nothing may be sent whose answer
   * could not be stored.
   */
  static prepare(target: string): Replacement {
    const replacement = Replacement.create(target);
    try {
      replacement.#rehearse();
      return replacement;
    } catch (error) {
      replacement.discard();
      throw error;
    }
  }

  /** Creates it, readable by this user alone, and makes sure that the target may be replaced. */
  static create(target: string): Replacement {
    const present = statSync(target, { throwIfNoEntry: false });
    if (present && !present.isFile()) {
      throw new Unusable(present.isDirectory() ? "is_a_directory" : "not_a_file");
    }
    // One that nobody reads is replaced by nobody: there is no room to be taken for it.
    if (present && present.size > aboutCore().max_file_bytes) throw new Unusable("too_large");
    // A file that is marked immutable lets nobody open it so, nor rename over it.
    if (present) closeSync(openSync(target, "r+"));
    const path = temporaryPath(target);
    const replacement = new Replacement(target, path, createFile(path));
    try {
      replacement.#own(present);
      writeAll(replacement.#file, Buffer.alloc((present?.size ?? 0) + SPARE_BYTES), 0);
      return replacement;
    } catch (error) {
      replacement.discard();
      throw error;
    }
  }

  /** Sets the owner to that of the present file, or tries the one of the directory. */
  #own(present: Stats | undefined): void {
    if (present) return ownAs(this.#file, present);
    try {
      ownAs(this.#file, statSync(dirname(this.#target)));
    } catch {
      // Only root could.
    }
  }

  /** Syncs it, and renames it over another temporary file. */
  #rehearse(): void {
    try {
      fsyncSync(this.#file);
    } catch (error) {
      if (!isUnsupported(codeOf(error))) throw error;
    }
    const second = temporaryPath(this.#target);
    closeSync(createFile(second));
    try {
      this.#renameTo(second);
    } catch (error) {
      rmSync(second, { force: true });
      throw error;
    }
    this.#path = second;
  }

  /** Renames it, with retries on Windows, where virus scanners open new files for a moment. */
  #renameTo(path: string): void {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return renameSync(this.#path, path);
      } catch (error) {
        const isWindows = process.platform === "win32";
        const ms = isWindows ? pausesAfter(codeOf(error), "win32")?.[attempt] : undefined;
        if (ms === undefined) throw error;
        pause(ms);
      }
    }
  }

  /**
   * Writes `contents`. Before each attempt, `mayReplace` says if the target may be replaced now.
   * Returns `false` if it was not replaced.
   */
  commit(contents: string, mayReplace: () => boolean): boolean {
    try {
      const bytes = Buffer.from(contents, "utf8");
      writeAll(this.#file, bytes, 0);
      ftruncateSync(this.#file, bytes.length);
      // These tokens exist nowhere else: a file that may not survive a power cut beats none.
      trySync(this.#file);
      for (let attempt = 0; mayReplace(); attempt += 1) {
        try {
          renameSync(this.#path, this.#target);
          syncDirectory(dirname(this.#target));
          return true;
        } catch (error) {
          const pauses = pausesAfter(codeOf(error), process.platform);
          if (!pauses) throw error;
          const ms = pauses[attempt];
          if (ms === undefined) {
            overwrite(this.#target, bytes);
            return true;
          }
          pause(ms);
        }
      }
      return false;
    } finally {
      this.discard();
    }
  }

  /** Removes it, unless it is in place. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    // What fails now is no reason to call a job failed that is done.
    close(this.#file);
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // What cannot be removed is swept later.
    }
  }
}

/**
 * Writes `contents`, which exist nowhere else, where nothing was prepared: as a new file, or else
 * in place. Tells whether `mayReplace` allowed it.
 */
export function replaceNow(target: string, contents: string, mayReplace: () => boolean): boolean {
  let replacement: Replacement;
  try {
    replacement = Replacement.create(target);
  } catch (error) {
    if (!pausesAfter(codeOf(error), process.platform)) throw error;
    if (!mayReplace()) return false;
    overwrite(target, Buffer.from(contents, "utf8"));
    return true;
  }
  return replacement.commit(contents, mayReplace);
}

/** Writes a file in place, as the agent does: the last resort where it cannot be replaced. */
function overwrite(path: string, bytes: Buffer): void {
  const file = openInPlace(path);
  try {
    const { size } = fstatSync(file);
    // Room first: blanks behind a document do no harm, half a document does.
    writeAll(file, Buffer.alloc(Math.max(0, bytes.length - size), " "), size);
    writeAll(file, bytes, 0);
    ftruncateSync(file, bytes.length);
    trySync(file);
  } finally {
    close(file);
  }
}

/** Opens what is there, if it is a file; a link in its place was not there a moment ago. */
function openInPlace(path: string): number {
  let file: number;
  try {
    file = openSync(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return createFile(path);
  }
  if (fstatSync(file).isFile()) return file;
  close(file);
  throw new Unusable("not_a_file");
}

function writeAll(file: number, bytes: Buffer, from: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, from + at);
}

/** Makes the contents of a file last, or a change of names in a directory, if that can be had. */
function trySync(file: number): void {
  try {
    fsyncSync(file);
  } catch {
    // The file is complete; only a power cut could still lose it.
  }
}

function syncDirectory(directory: string): void {
  try {
    const file = openSync(directory, "r");
    trySync(file);
    close(file);
  } catch {
    // Some file systems cannot, and then need not.
  }
}

const SUFFIX = ".tmp";

function temporaryPath(target: string): string {
  const name = `${prefix(target)}${process.pid}-${randomBytes(8).toString("hex")}${SUFFIX}`;
  return join(dirname(target), name);
}

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
