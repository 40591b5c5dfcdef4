/** Whose files a job works on. */
import { FileStore } from "./store/file.js";
import { agentDirectory, Places } from "./store/places.js";

/** What tells it; all of it has a default. */
export interface Whose {
  /** The agent's directory; `PI_CODING_AGENT_DIR`, else `~/.pi/agent`. */
  directory?: string | undefined;
  /** The overrides file, which then must be there; `PI_AUTH_PROVIDERS` names one, too. */
  overrides?: string | undefined;
  /** The variables that are set; those of this process unless given. */
  environment?: NodeJS.ProcessEnv | undefined;
}

/** Makes stores of those files, one for each job. */
export function filesOf(whose: Whose): () => FileStore {
  const { directory, overrides, environment = process.env } = whose;
  const named = overrides ?? (environment["PI_AUTH_PROVIDERS"] || undefined);
  const places = new Places(directory ?? agentDirectory(environment), named);
  return () => new FileStore(places);
}
