/** Classifies the codes of a refused sync or rename: ignore, retry, or write in place. */

/** The system does not offer this call here. */
const UNSUPPORTED = ["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];
/** A name cannot be changed here, while the file itself may still be written. */
const REFUSED = ["EPERM", "EACCES", "ESTALE", "EXDEV", "ETXTBSY", ...UNSUPPORTED];
/** Another program has the file open, without allowing others to rename it. */
const IN_USE = ["EPERM", "EACCES", "EBUSY"];

/** About 1.7 s in all: a virus scanner, or the agent that reads, is gone by then. */
const WHILE_IN_USE_MS = [10, 20, 40, 80, 160, 320, 500, 500];
const WHILE_REFUSED_MS = [50, 50, 50];

/** Tells if this code of a sync means that there is none on this file system. */
export function isUnsupported(code: string | undefined): boolean {
  return UNSUPPORTED.includes(code ?? "");
}

/**
 * Returns the pauses between attempts at a rename that fails with this code, in milliseconds. After
 * the last one the file is written in place. `undefined` where that would not help.
 */
export function pausesAfter(code: string | undefined, platform: NodeJS.Platform): readonly number[] | undefined {
  if (platform === "win32" && IN_USE.includes(code ?? "")) return WHILE_IN_USE_MS;
  // A container may mount this one file: a mount point cannot be renamed over.
  if (code === "EBUSY") return [];
  return REFUSED.includes(code ?? "") ? WHILE_REFUSED_MS : undefined;
}
