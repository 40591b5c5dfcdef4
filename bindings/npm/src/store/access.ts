/** Who could have changed a file, as the system tells it; the core judges. */
import { type Stats, statSync } from "node:fs";
import { dirname } from "node:path";

import type { Owned } from "../types.js";
import { real } from "./places.js";

/** The effective user id of this process; `undefined` where the system has none. */
export function userId(): number | undefined {
  return process.geteuid?.();
}

export function owned(stat: Stats): Owned {
  return { owner: stat.uid, group: stat.gid, mode: stat.mode & 0o7777 };
}

/** The directory that was named, and that of the file in the end, where links lead elsewhere. */
export function directoriesOf(path: string): [string, Stats][] {
  const found: [string, Stats][] = [];
  for (const of of [() => path, () => real(path)]) {
    try {
      const directory = dirname(of());
      const stat = statSync(directory);
      const isSame = ([, other]: [string, Stats]): boolean =>
        other.dev === stat.dev && other.ino === stat.ino;
      if (!found.some(isSame)) found.push([directory, stat]);
    } catch {
      // One that cannot be looked at is not there, or lets nobody read the file either.
    }
  }
  return found;
}
