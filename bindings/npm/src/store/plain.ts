/** Small files and directories of the credential file's own, made for its owner alone. */
import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  rmdirSync,
  statSync,
  type Stats,
} from "node:fs";
import { dirname } from "node:path";

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

/** Creates a directory that is not there yet and belongs to whom the one above it belongs to. */
export function createDirectory(path: string): void {
  mkdirSync(path, 0o700);
  try {
    chmodSync(path, 0o700);
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  try {
    // Root that works for a user leaves, if it dies, what that user can remove.
    const [own, above] = [lstatSync(path), statSync(dirname(path))];
    if (own.uid === above.uid && own.gid === above.gid) return;
    chownSync(path, above.uid, above.gid);
  } catch {
    // As well as it goes.
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
