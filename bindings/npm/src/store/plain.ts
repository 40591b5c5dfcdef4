/** Small files of the credential file's own, made for its owner alone. */
import { closeSync, fchmodSync, fchownSync, fstatSync, openSync, rmSync, type Stats } from "node:fs";

/** Creates a file that is not there yet, for writing; gives its descriptor. */
export function createFile(path: string): number {
  const file = openSync(path, "wx", 0o600);
  try {
    // Whatever the umask takes away, this user needs.
    fchmodSync(file, 0o600);
    return file;
  } catch (error) {
    closeSync(file);
    rmSync(path, { force: true });
    throw error;
  }
}

/**
 * Gives a file, which this process has made, to whom `like` belongs to: root that refreshes a user's
 * file must not take it away from them. A group that cannot be kept is none to insist on.
 */
export function ownAs(file: number, like: Stats): void {
  const { uid, gid } = fstatSync(file);
  if (uid === like.uid && gid === like.gid) return;
  try {
    fchownSync(file, like.uid, like.gid);
  } catch (error) {
    if (uid !== like.uid) throw error;
  }
}

/** Closes a descriptor. A failure to do so changes nothing that was done by it. */
export function close(descriptor: number | undefined): void {
  if (descriptor === undefined) return;
  try {
    closeSync(descriptor);
  } catch {
    // It is closed all the same.
  }
}
