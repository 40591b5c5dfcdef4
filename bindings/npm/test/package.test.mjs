// What is shipped: packed, installed in a fresh folder, imported and type-checked there.
import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { publint } from "publint";
import { formatMessage } from "publint/utils";

import { compile, folder, here, installed, manifest, node, packed, tarball, tool } from "./installed.mjs";

test("what is packed is the built package, and nothing else", () => {
  const sources = readdirSync(join(here, "src"), { recursive: true }).filter((path) => path.endsWith(".ts"));
  const built = sources.flatMap((path) => [".js", ".d.ts"].map((end) => `dist/${path.replace(/\.ts$/, end)}`));
  const others = ["LICENSE", "README.md", "package.json", "extension.ts", "dist/core.wasm"];
  assert.ok(built.length > 40);
  assert.deepEqual(packed.files.map(({ path }) => path).sort(), [...built, ...others].sort());
  assert.deepEqual(packed.bundled, []);
});

test("every entry of package.json leads to a file that is packed", () => {
  const paths = new Set(packed.files.map(({ path }) => `./${path}`));
  const targets = Object.values(manifest.exports).flatMap((to) => (typeof to === "string" ? [to] : Object.values(to)));
  for (const target of [...targets, manifest.types, ...manifest.pi.extensions]) assert.ok(paths.has(target), target);
});

test("publint finds nothing", async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true, pack: false });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test("are the types wrong? No", () => {
  // ESM alone, and a module of WebAssembly has no types.
  const said = tool("@arethetypeswrong/cli/dist/index.js", [tarball, "--profile", "esm-only", "--exclude-entrypoints", "./core.wasm", "--format", "json"]);
  const { analysis, problems } = JSON.parse(said);
  assert.deepEqual(Object.keys(analysis.entrypoints).sort(), [".", "./core", "./package.json", "./pi-extension"]);
  assert.deepEqual(Object.keys(problems ?? {}).filter((kind) => !["CJSResolvesToESM", "NoResolution"].includes(kind)), []);
});

test("it has no native code and runs no script when it is installed", () => {
  const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  const all = Object.entries(lock.packages).filter(([path]) => path);
  assert.ok(all.length >= 2);
  for (const [path, { hasInstallScript }] of all) assert.ok(!hasInstallScript, path);
  assert.deepEqual(
    ["preinstall", "install", "postinstall"].filter((name) => name in manifest.scripts),
    [],
  );
  // Nor an agent, for those who have none.
  assert.deepEqual(all.filter(([path]) => path.includes("/pi-ai")), []);
});

test("it is a pi package, whose agent brings what is the agent's", () => {
  assert.ok(manifest.keywords.includes("pi-package"));
  assert.deepEqual(manifest.pi, { extensions: ["./extension.ts"] });
  for (const [name, range] of Object.entries(manifest.peerDependencies)) {
    assert.deepEqual([range, manifest.peerDependenciesMeta[name]], ["*", { optional: true }]);
  }
});

test("installed from the tarball, each entry can be imported", () => {
  const said = node(`
    import { readFileSync } from "node:fs";
    import { fileURLToPath } from "node:url";
    import * as main from "pi-auth";
    import { loadCore } from "pi-auth/core";
    import extension from "pi-auth/pi-extension";
    import manifest from "pi-auth/package.json" with { type: "json" };
    const core = await loadCore(readFileSync(fileURLToPath(import.meta.resolve("pi-auth/core.wasm"))));
    const { version } = core.call("about", {});
    console.log(JSON.stringify([typeof main.Auth, typeof extension, core.start({ type: "status" }).effect, version, manifest.version]));
  `);
  const { version } = manifest;
  assert.deepEqual(JSON.parse(said), ["function", "function", { type: "read_overrides" }, version, version]);
});

test("what is inside stays inside", () => {
  const said = node(`await import("pi-auth/dist/driver.js").catch((error) => console.log(error.code));`);
  assert.equal(said.trim(), "ERR_PACKAGE_PATH_NOT_EXPORTED");
});

test("importing it starts nothing: the process ends by itself, and nothing is said", () => {
  assert.equal(node(`import "pi-auth"; import "pi-auth/core"; import "pi-auth/pi-extension";`), "");
});

for (const name of ["promised.ts", "own.ts"]) {
  test(`a strict program compiles against its types: ${name}`, () => {
    copyFileSync(join(here, "test/types", name), join(folder, name));
    compile([name], { skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true });
  });
}

test("what the agent is given compiles, too", () => {
  compile([join(installed, "extension.ts")]);
});

test("how large it is", (context) => {
  const wasm = statSync(join(installed, "dist/core.wasm")).size;
  context.diagnostic(`${packed.size} bytes packed, ${packed.unpackedSize} unpacked, of which core.wasm ${wasm}`);
});
