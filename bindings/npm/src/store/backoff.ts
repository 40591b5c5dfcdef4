/** The memory of failed refreshes, as a file that another user may have planted. */
import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";

import { contentsOf } from "./text.js";

/** Returns the text of the file, if this user has written it and nobody else could have. */
export function readOwn(path: string): string | null {
  // Links are not followed: another user may have made them. Windows has neither flag.
  const flags = (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
  const file = openSync(path, constants.O_RDONLY | flags);
  let own = false;
  try {
    own = isOwn(file, path);
  } finally {
    if (!own) closeSync(file);
  }
  return own ? contentsOf(file).text : null;
}

/**
 * Checks that the file belongs to this user and nobody else may write it. Root that works for a
 * user accepts that user's file, too. Windows protects files by other means.
 */
function isOwn(file: number, path: string): boolean {
  const user = process.geteuid?.();
  if (user === undefined) return true;
  const { uid, mode } = fstatSync(file);
  const isOwner = uid === user || (user === 0 && statSync(dirname(path)).uid === uid);
  return isOwner && (mode & 0o022) === 0;
}
