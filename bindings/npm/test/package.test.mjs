// What is shipped: packed, installed in a fresh folder, imported and type-checked there.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const scratch = mkdtempSync(join(tmpdir(), "pi-auth-pack-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const npm = (parameters, cwd) => {
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  return execFileSync("npm", [...parameters, ...quiet], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
};
const node = (source) =>
  execFileSync(process.execPath, ["--input-type=module", "--eval", source], { cwd: scratch, encoding: "utf8" });

let packed;
before(() => {
  [packed] = JSON.parse(npm(["pack", "--json", "--pack-destination", scratch], here));
  writeFileSync(join(scratch, "package.json"), '{"private":true,"type":"module"}');
  npm(["install", "--ignore-scripts", "--omit=dev", join(scratch, packed.filename)], scratch);
});

test("what is packed is the built package, and nothing else", () => {
  const paths = packed.files.map(({ path }) => path);
  for (const path of ["LICENSE", "README.md", "package.json", "extension.ts", "dist/core.wasm"]) assert.ok(paths.includes(path), path);
  const strange = paths.filter((path) => !/^(LICENSE|README\.md|package\.json|extension\.ts|dist\/core\.wasm|dist\/[\w/-]+\.(js|d\.ts))$/.test(path));
  assert.deepEqual(strange, []);
  for (const path of paths.filter((path) => path.endsWith(".js"))) {
    assert.ok(paths.includes(path.replace(/\.js$/, ".d.ts")), `${path} has no types`);
  }
  assert.deepEqual(packed.bundled, []);
});

test("every entry of package.json leads to a file that is packed", () => {
  const paths = new Set(packed.files.map(({ path }) => `./${path}`));
  const targets = Object.values(manifest.exports).flatMap((to) => (typeof to === "string" ? [to] : Object.values(to)));
  for (const target of [...targets, manifest.types, ...manifest.pi.extensions]) assert.ok(paths.has(target), target);
});

test("it has no native code and runs no script when it is installed", () => {
  const lock = JSON.parse(readFileSync(join(scratch, "package-lock.json"), "utf8"));
  const all = Object.entries(lock.packages).filter(([path]) => path);
  assert.ok(all.length >= 2);
  for (const [path, { hasInstallScript }] of all) assert.ok(!hasInstallScript, path);
  assert.deepEqual(
    ["preinstall", "install", "postinstall"].filter((name) => name in manifest.scripts),
    [],
  );
});

test("it is a pi package", () => {
  assert.ok(manifest.keywords.includes("pi-package"));
  assert.deepEqual(manifest.pi, { extensions: ["./extension.ts"] });
});

test("installed from the tarball, each entry can be imported", () => {
  const said = node(`
    import { readFileSync } from "node:fs";
    import { fileURLToPath } from "node:url";
    import * as main from "pi-auth";
    import { loadCore } from "pi-auth/core";
    import extension from "pi-auth/pi-extension";
    const core = await loadCore(readFileSync(fileURLToPath(import.meta.resolve("pi-auth/core.wasm"))));
    const { version } = core.call("about", {});
    console.log(JSON.stringify([typeof main.Auth, typeof extension, core.start({ type: "status" }).effect, version]));
  `);
  assert.deepEqual(JSON.parse(said), ["function", "function", { type: "read_overrides" }, manifest.version]);
});

test("what is inside stays inside", () => {
  const said = node(`await import("pi-auth/dist/driver.js").catch((error) => console.log(error.code));`);
  assert.equal(said.trim(), "ERR_PACKAGE_PATH_NOT_EXPORTED");
});

test("importing it starts nothing: the process ends by itself, and nothing is said", () => {
  assert.equal(node(`import "pi-auth"; import "pi-auth/core";`), "");
});

test("a strict program compiles against its types, with the interface that agents know", () => {
  writeFileSync(
    join(scratch, "agent.ts"),
    `import {
  createCopilotFetch, getApiKeyForModel, listOAuthProviders, loadOAuthCredentials, login, loginAnthropic,
  loginGitHubCopilot, logout, refreshAnthropicToken, refreshCopilotToken, refreshToken, removeOAuthCredentials,
  saveOAuthCredentials, Auth, AuthError,
} from "pi-auth";
import type { CustomFetch, CustomFetchOptions, OAuthCredentials, SupportedOAuthProvider } from "pi-auth";
import { loadCore, type Effect, type Event, type Request } from "pi-auth/core";

const a: (provider: string) => Promise<OAuthCredentials | null> = loadOAuthCredentials;
const b: (provider: string, creds: OAuthCredentials) => Promise<void> = saveOAuthCredentials;
const c: (provider: string) => Promise<void> = removeOAuthCredentials;
const d: () => Promise<string[]> = listOAuthProviders;
const e: () => Promise<void> = loginAnthropic;
const f: (refreshToken: string) => Promise<OAuthCredentials> = refreshAnthropicToken;
const g: () => Promise<void> = loginGitHubCopilot;
const h: (githubToken: string) => Promise<OAuthCredentials> = refreshCopilotToken;
const i: (getAuth: () => Promise<OAuthCredentials>) => Promise<CustomFetch> = createCopilotFetch;
const j: (provider: SupportedOAuthProvider) => Promise<void> = login;
const k: (provider: SupportedOAuthProvider) => Promise<void> = logout;
const l: (provider: SupportedOAuthProvider) => Promise<string> = refreshToken;
const m: (model: { provider: string; id: string }) => Promise<string | undefined> = getApiKeyForModel;
const n: OAuthCredentials = { type: "oauth", refresh: "r", access: "a", expires: 0 };
const o: CustomFetchOptions = { provider: "github-copilot", url: "https://h/", init: {} };
const p = async (): Promise<number | null> => (await new Auth().token("anthropic")).key.expiresMs;
const s = createCopilotFetch(() => loadOAuthCredentials("github-copilot"));
const q = (error: unknown): string => (error instanceof AuthError ? error.code : "");
const r = async (bytes: Uint8Array, request: Request, event: Event): Promise<Effect> =>
  (await loadCore(bytes)).start(request).step(event, Date.now());
export { a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s };
`,
  );
  const options = { target: "ES2022", module: "NodeNext", strict: true, noEmit: true, types: ["node"], lib: ["ES2022"], skipLibCheck: false };
  writeFileSync(join(scratch, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["agent.ts"] }));
  symlinkSync(join(here, "node_modules/@types"), join(scratch, "node_modules/@types"));
  const tsc = join(here, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "--project", scratch], { stdio: ["ignore", "inherit", "inherit"] });
});

test("how large it is", (context) => {
  const wasm = statSync(join(scratch, "node_modules/pi-auth/dist/core.wasm")).size;
  context.diagnostic(`${packed.size} bytes packed, ${packed.unpackedSize} unpacked, of which core.wasm ${wasm}`);
});
