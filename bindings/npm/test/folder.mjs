// A folder with a credential file in it, whose store is seen from inside.
import fs, { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { FileStore } from "../dist/store/file.js";
import { Places } from "../dist/store/places.js";

export const NEVER = new AbortController().signal;

/** A folder that goes away with the test. */
export function scratch(context) {
  const folder = mkdtempSync(join(tmpdir(), "pi-auth-store-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A store in a folder with this file in it. */
export function storeIn(folder, contents, name = "auth.json") {
  writeFileSync(join(folder, name), contents, { mode: 0o600 });
  return new FileStore(new Places(folder));
}

/** What stands in a folder beside the credential file: locks, and room that is taken. */
export function besideIn(folder) {
  const names = readdirSync(folder).filter((name) => !/^(auth|oauth|real)\.json(\.migrated)?$/.test(name));
  return names.map((name) => name.replace(/\d+-[0-9a-f]+/, "ID")).sort();
}

/**
 * Does this while these functions of `node:fs` are replaced, or only watched where there is `undefined` for one;
 * hands it what watches each of them.
 */
export async function withFs(context, functions, act) {
  const watched = Object.entries(functions).map(([name, own]) => context.mock.method(fs, name, own));
  syncBuiltinESMExports();
  try {
    return await act(...watched.map(({ mock }) => mock));
  } finally {
    for (const { mock } of watched) mock.restore();
    syncBuiltinESMExports();
  }
}
