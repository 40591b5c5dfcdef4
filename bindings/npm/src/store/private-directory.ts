/**
 * Directories made for their owner alone. Modes and owners are set by descriptor: whoever may write
 * the directory above can put a link in the place of the new one at any moment.
 */
import {
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  statSync,
  type BigIntStats,
  utimesSync,
} from "node:fs";
import { basename, dirname } from "node:path";

import { close } from "./plain.js";
import { codeOf } from "./text.js";

/** The mode of a directory for its owner alone. */
const PRIVATE = 0o700;

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** Windows has neither these flags nor these modes, and only administrators make links there. */
const IS_UNIX = process.platform !== "win32";

/** How far the two times of a new directory are apart at most on odd file systems: a second. */
const NEARLY_NS = 1_000_000_000n;

/** Identity of a directory; `undefined` on Windows. */
export type Identity = Pick<BigIntStats, "dev" | "ino"> | undefined;

/** A directory that this process has made, held open: to touch it takes no further descriptor. */
export class NewDirectory {
  readonly identity: Identity;
  #descriptor: number | undefined;

  /**
   * Creates a directory, with `mark` in its mode where the system allows it. A directory made by
   * root belongs to the owner of the directory above, so that this user can remove it.
   *
   * @throws with `ESWAPPED` where another took its place at once.
   */
  constructor(path: string, mark: number) {
    const above = IS_UNIX && process.geteuid?.() === 0 ? openExisting(dirname(path)) : undefined;
    try {
      this.#descriptor = make(path, above, mark);
      if (this.#descriptor !== undefined) this.identity = fstatSync(this.#descriptor, { bigint: true });
    } catch (error) {
      this.close();
      throw error;
    } finally {
      close(above);
    }
  }

  /** Sets its times by its descriptor; on Windows, which has none for directories, by `path`. */
  touch(path: string, atime: Date, mtime: Date): void {
    if (this.identity === undefined) return utimesSync(path, atime, mtime);
    if (this.#descriptor !== undefined) futimesSync(this.#descriptor, atime, mtime);
  }

  /** Lets go of its descriptor; from then on it cannot be touched. */
  close(): void {
    close(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** Creates a directory and the missing ones above it, each as {@link NewDirectory} does. */
export function makeDirectories(path: string): void {
  const missing: string[] = [];
  for (let at = path; !statSync(at, { throwIfNoEntry: false })?.isDirectory(); at = dirname(at)) {
    // The root of a drive that is not there.
    if (dirname(at) === at) break;
    missing.unshift(at);
  }
  const [first] = missing;
  if (first === undefined) return;
  const isRoot = IS_UNIX && process.geteuid?.() === 0;
  let above = isRoot ? openExisting(dirname(first)) : undefined;
  try {
    for (const at of missing) {
      const next = makeOrOpen(at, above);
      close(above);
      above = next;
      if (isRoot) continue;
      // Nobody has to be kept out of its way.
      close(above);
      above = undefined;
    }
  } finally {
    close(above);
  }
}

/**
 * Opens a directory for root. A user's link may only lead to directories of that user: elsewhere,
 * root would write for them where they may not.
 */
function openExisting(path: string): number {
  try {
    return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    // A link is no directory, says Linux.
    if (!["ELOOP", "ENOTDIR"].includes(codeOf(error) ?? "")) throw error;
  }
  const link = lstatSync(path);
  const descriptor = openSync(path, O_RDONLY | O_DIRECTORY);
  if (link.uid === 0 || link.uid === fstatSync(descriptor).uid) return descriptor;
  close(descriptor);
  throw Object.assign(new Error("a user's link leads to what is not theirs"), { code: "EACCES" });
}

/** Another process may make the same directory; a link in its place was not there a moment ago. */
function makeOrOpen(path: string, above: number | undefined): number | undefined {
  try {
    return make(path, above);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    return above === undefined ? undefined : openSync(below(above, path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
}

/** Creates it, and gives its descriptor. */
function make(path: string, above?: number, mark = 0): number | undefined {
  const at = below(above, path);
  mkdirSync(at, PRIVATE);
  if (!IS_UNIX) return undefined;
  const descriptor = openNew(at);
  try {
    const own = fstatSync(descriptor, { bigint: true });
    // A rename sets the time of the change alone. Of a new directory both are the same, or nearly.
    if (own.ctimeNs - own.mtimeNs > NEARLY_NS) throw swapped();
    if (own.uid === BigInt(process.geteuid?.() ?? -1) && isUnchanged(own)) {
      fchmodSync(descriptor, PRIVATE);
      if (above !== undefined) giveTo(descriptor, above);
      if (mark !== 0) setMark(descriptor, mark);
    }
    return descriptor;
  } catch (error) {
    close(descriptor);
    throw error;
  }
}

function setMark(descriptor: number, mark: number): void {
  try {
    fchmodSync(descriptor, PRIVATE | mark);
  } catch {
    // A file system that has no such bit.
  }
}

/** Tells if nothing has changed since it was made: both times are still equal. */
function isUnchanged({ mtimeNs, ctimeNs }: BigIntStats): boolean {
  // Deno knows but the second in which it was changed.
  const isCoarse = ctimeNs % NEARLY_NS === 0n && mtimeNs - (mtimeNs % NEARLY_NS) === ctimeNs;
  return mtimeNs === ctimeNs || isCoarse;
}

/** Opens a directory that is no link. */
function openNoLink(path: string): number {
  try {
    return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    throw ["ELOOP", "ENOTDIR", "ENOENT"].includes(codeOf(error) ?? "") ? swapped() : error;
  }
}

/** Opens a directory that was made a moment ago. */
function openNew(path: string): number {
  try {
    return openNoLink(path);
  } catch (error) {
    if (codeOf(error) === "ESWAPPED") throw error;
    removeEmpty(path);
    if (codeOf(error) !== "EACCES") throw error;
  }
  // The umask takes away what its owner needs.
  const umask = process.umask(0o077);
  try {
    mkdirSync(path, PRIVATE);
  } finally {
    process.umask(umask);
  }
  return openNoLink(path);
}

/** Gives a directory to whom the one above it belongs to, as well as the system lets us. */
function giveTo(descriptor: number, above: number): void {
  try {
    const { uid, gid } = fstatSync(above);
    fchownSync(descriptor, uid, gid);
  } catch {
    // Some file systems have one owner for all.
  }
}

/** A path by the descriptor of the directory above, where the system has such paths. */
function below(above: number | undefined, path: string): string {
  if (above === undefined) return path;
  const directory = `/proc/self/fd/${above}`;
  return existsSync(directory) ? `${directory}/${basename(path)}` : path;
}

function removeEmpty(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) rmdirSync(path);
  } catch {
    // It is empty, and in nobody's way for long.
  }
}

function swapped(): Error {
  return Object.assign(new Error("another took the place of a new directory"), { code: "ESWAPPED" });
}
