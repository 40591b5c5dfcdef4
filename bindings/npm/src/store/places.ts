/** Where the agent keeps its files. */
import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";

import { shippedCore } from "../module.js";
import { makeDirectories } from "./private-directory.js";

/** The agent's directory, and the overrides file where one was named. */
export class Places {
  readonly directory: string;
  readonly namedOverrides: string | undefined;

  constructor(directory: string, overrides?: string) {
    // A relative one counts from where this process stands now.
    this.directory = resolve(directory);
    this.namedOverrides = overrides === undefined ? undefined : resolve(overrides);
  }

  get overrides(): string {
    return this.namedOverrides ?? join(this.directory, "auth-providers.json");
  }

  get preferred(): string {
    return join(this.directory, "auth.json");
  }

  /** The names that the file may have: that of today, and that of the oldest agents. */
  get names(): [string, string] {
    return [this.preferred, join(this.directory, "oauth.json")];
  }

  /** The name that it has: today's, if there is such a file. */
  get credentials(): string {
    const [preferred, former] = this.names;
    // A link that points nowhere yet is there, too.
    return isThere(preferred) ? preferred : former;
  }

  /**
   * The files beside which the lock stands, in the order in which it is taken: those of `auth.json`,
   * also while the older file is in use. The agent moves that one when it starts: a lock that was
   * named after it would shut out nobody from then on.
   *
   * Where `auth.json` is a link, the agent locks beside the link when it writes at once, and beside
   * what it leads to when it refreshes. The latter comes first: a refresh holds it for seconds, while
   * those who want the other wait for it for a moment only.
   */
  get locked(): string[] {
    return [...new Set([real(this.preferred), besideItself(this.preferred)])];
  }

  /** The memory of failed refreshes: beside `auth.json` whichever file is in use, like the lock. */
  get backoff(): string {
    return `${real(this.preferred)}.backoff`;
  }

  /** Whether the agent has just renamed `oauth.json` away and not yet written `auth.json`. */
  isMigrating(): boolean {
    try {
      // Of a link, too, it is the name that was changed.
      const { ctimeMs } = lstatSync(join(this.directory, "oauth.json.migrated"));
      return shippedCore().call("is_migrating", { renamed_ms: Math.trunc(ctimeMs), now_ms: Date.now() });
    } catch {
      return false;
    }
  }

  /** The owner of the directory, or else of the home directory: whom root works for. */
  served(): { served?: number } {
    for (const path of [this.directory, homedir()]) {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat) return { served: stat.uid };
    }
    return {};
  }

  /** Creates the directory, and those above it, for this user alone. */
  create(): void {
    makeDirectories(this.directory);
  }
}

/** `PI_CODING_AGENT_DIR`, else `~/.pi/agent`. */
export function agentDirectory(environment: NodeJS.ProcessEnv): string {
  const set = environment["PI_CODING_AGENT_DIR"];
  if (!set) return join(homedir(), ".pi", "agent");
  // As the agent does: a variable that no shell has expanded may hold a tilde.
  const below = belowHome(set, process.platform);
  return below === undefined ? set : join(homedir(), below);
}

/** Returns the path behind `~` and a separator of this platform; `undefined` without `~`. */
export function belowHome(path: string, platform: NodeJS.Platform): string | undefined {
  if (path === "~") return "";
  const isBelow = path.startsWith("~/") || (platform === "win32" && path.startsWith("~\\"));
  return isBelow ? path.slice(2) : undefined;
}

/** A path with `~` for the home directory. */
export function withTilde(path: string): string {
  const below = relative(homedir(), path);
  return below && !below.startsWith("..") && !isAbsolute(below) ? `~${sep}${below}` : path;
}

/** Where a path leads after all symbolic links; the file itself need not be there yet. */
export function real(path: string): string {
  for (let links = 0; links < 40; links += 1) {
    try {
      const target = readlinkSync(path);
      // Not joined by names alone: `..` of a linked directory is above what it leads to.
      path = isAbsolute(target) ? target : `${dirname(path)}/${target}`;
    } catch {
      return besideItself(path);
    }
  }
  throw Object.assign(new Error("too many levels of symbolic links"), { code: "ELOOP" });
}

/** A path with its directory's links followed, but not its own: what the agent calls the file. */
export function besideItself(path: string): string {
  return join(realpathSync.native(dirname(path)), basename(path));
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
