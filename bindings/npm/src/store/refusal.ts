/** What a refused sync or rename means: whether it is worth another attempt, and whether anything else will do. */

/** The system does not offer this call here. */
const UNSUPPORTED = ["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];
/** A name cannot be changed here, while the file itself may still be written. */
const REFUSED = ["EPERM", "EACCES", "ESTALE", "EXDEV", "ETXTBSY", ...UNSUPPORTED];
/** Another program has the file open, without allowing others to rename it. */
const IN_USE = ["EPERM", "EACCES", "EBUSY"];

/** About 1.7 s in all: a virus scanner, or the agent that reads, is gone by then. */
const WHILE_IN_USE_MS = [10, 20, 40, 80, 160, 320, 500, 500];
const WHILE_REFUSED_MS = [50, 50, 50];

/** Whether a sync that failed so protects nothing here, so that it is no reason to stop. */
export function isUnsupported(code: string | undefined): boolean {
  return UNSUPPORTED.includes(code ?? "");
}

/**
 * Returns the pauses before further attempts at a rename that failed so, in milliseconds, after which
 * the file is to be written in place. `undefined` where that would not help.
 */
export function pausesAfter(code: string | undefined, platform: NodeJS.Platform): readonly number[] | undefined {
  if (platform === "win32" && IN_USE.includes(code ?? "")) return WHILE_IN_USE_MS;
  // A file that is a mount point of its own, as in containers that are given this one file, stays one.
  if (code === "EBUSY") return [];
  return REFUSED.includes(code ?? "") ? WHILE_REFUSED_MS : undefined;
}
