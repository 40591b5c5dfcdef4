/** Reading a small file with care, and what an error of the system means. */
import { constants, fstatSync, openSync, readSync, type Stats } from "node:fs";

import { aboutCore } from "../module.js";
import type { StoreFailure } from "../types.js";
import { close } from "./plain.js";

/** A file that is there and cannot be used. */
export class Unusable extends Error {
  readonly failure: StoreFailure;

  constructor(failure: StoreFailure) {
    super("the file cannot be used");
    this.failure = failure;
  }
}

/** A file that was read, and what the system says of the file that was opened. */
export interface Opened {
  text: string;
  stat: Stats;
}

/** The text of a file and its owner and mode; `null` where there is none. */
export function readOpened(path: string): Opened | null {
  let file: number;
  try {
    // Non-blocking, or a pipe in the file's place would hang the open.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
  return contentsOf(file);
}

/** Reads an open file, and closes it. */
export function contentsOf(file: number): Opened {
  try {
    const stat = fstatSync(file);
    return { text: decode(readAll(file, stat)), stat };
  } finally {
    close(file);
  }
}

function readAll(file: number, stat: Stats): Buffer {
  if (!stat.isFile()) throw new Unusable(stat.isDirectory() ? "is_a_directory" : "not_a_file");
  const chunks: Buffer[] = [];
  const most = aboutCore().max_file_bytes;
  // The agent writes in place, so the size is only what it was a moment ago.
  for (let size = 0; ; ) {
    if (size > most || stat.size > most) throw new Unusable("too_large");
    const chunk = Buffer.alloc(Math.max(stat.size + 1 - size, 4096));
    const length = readSync(file, chunk);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, length));
    size += length;
  }
}

function decode(bytes: Buffer): string {
  try {
    // A byte-order mark stays: it is the core that says what is wrong with it.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Unusable("not_utf8");
  }
}

/** The system's code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

export function failureOf(error: unknown): StoreFailure {
  if (error instanceof Unusable) return error.failure;
  switch (codeOf(error)) {
    case "EACCES":
    case "EPERM":
      return "permission_denied";
    case "EROFS":
      return "read_only";
    case "ENOSPC":
    case "EDQUOT":
      return "no_space";
    case "EMFILE":
    case "ENFILE":
      return "too_many_open_files";
    case "EFBIG":
      return "file_size_limit";
    case "EISDIR":
    case "ERR_FS_EISDIR":
      return "is_a_directory";
    // What a socket says that is opened like a file.
    case "ENXIO":
      return "not_a_file";
    default: {
      // `EIO: i/o error, open '/path'`, or `... returned EIO (i/o error) /path`: the path is told
      // beside it, fit to be shown.
      const message = error instanceof Error ? error.message : String(error);
      return { other: message.replace(/(, \w+ '| \/).*$/s, "") };
    }
  }
}
