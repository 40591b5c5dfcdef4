// `pi-auth/core` without Node, and one refresh by the processes of every runtime. Chromium is used
// if installed; the other runtimes come from npm (`tests/runtimes`), in PI_AUTH_TEST_RUNTIMES.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { anthropic, EXPIRED, grants, home, isValid, needsSandbox, run as start, serve, set } from "./support.mjs";

/** Each runtime: its program in the folder of the variable, and its first arguments. */
const RUNTIMES = [
  ["node-20", "node-20/bin/node", []],
  ["node-24", "node-24/bin/node", []],
  ["bun", "@oven/bun-linux-x64/bin/bun", ["run"]],
  ["deno", "@deno/linux-x64-glibc/deno", ["run", "--no-prompt", "--no-check", "--allow-all"]],
].map(([name, path, words]) => {
  const folder = process.env.PI_AUTH_TEST_RUNTIMES;
  const program = folder && join(folder, path);
  const skip = !folder ? "PI_AUTH_TEST_RUNTIMES names no folder" : !existsSync(program) && "no build for this machine is pinned";
  return { name, program, words, skip };
});

const dist = new URL("../dist/", import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), "pi-auth-runtimes-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** The first of these browsers that is in PATH. */
function installed(...names) {
  const paths = names.flatMap((name) => process.env.PATH.split(delimiter).map((folder) => join(folder, name)));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs that program in Node, which fetches no files. */
const ofFiles = (say) =>
  program(dist.href, say).replace(/await \(await fetch\(("[^"]*")\)\)\.arrayBuffer\(\)/, `(await import("node:fs")).readFileSync(new URL($1))`);

const run = async (program, parameters) =>
  (await promisify(execFile)(program, parameters, { cwd: scratch, env: { ...process.env, HOME: scratch, NO_COLOR: "1" }, timeout: 60_000 })).stdout;

/** A program that loads the core from this place, runs a flow, and hands what comes of it to `say`. */
const program = (base, say) => `
  const { loadCore } = await import("${base}core.js");
  const bytes = await (await fetch("${base}core.wasm")).arrayBuffer();
  const flow = (await loadCore(bytes)).start({ type: "token", provider: "anthropic" });
  const stored = { anthropic: { type: "oauth", refresh: "r", access: "from the file", expires: 2000 } };
  flow.step({ type: "store_read", path: "auth.json", contents: JSON.stringify(stored) }, 1000);
  ${say}(flow.effect.output.key.value);
`;

for (const { name, program: runtime, words, skip } of RUNTIMES) {
  test(`the core in ${name}`, { skip }, async () => {
    const file = join(scratch, `${name}.mjs`);
    // It reads what it loads, and may do nothing else.
    const allowed = words.flatMap((word) => (word === "--allow-all" ? [`--allow-read=${new URL(dist).pathname}`] : [word]));
    writeFileSync(file, name.startsWith("node") ? ofFiles("console.log") : program(dist.href, "console.log"));
    assert.equal(await run(runtime, [...allowed, file]), "from the file\n");
  });
}

/** The processes of these runtimes, all at once, make one refresh, and have its token. */
async function assertOneRefresh(context, runtimes) {
  const it = await home();
  const stored = await anthropic(EXPIRED);
  it.store({ anthropic: stored }, "auth.json");
  // Long enough for many of them to be there before the answer is.
  await set(context, { token_delay_ms: 2000 });
  const before = (await grants()).grants;
  const token = fileURLToPath(new URL("programs/token.mjs", import.meta.url));
  const processes = runtimes.map(({ program, words }) => start(program, [...words, token, "anthropic"], it.environment));
  const all = await Promise.all(processes.map(({ ended }) => ended));
  const { access, refresh } = it.entry("anthropic", "auth.json");
  for (const { code, stdout, stderr } of all) assert.deepEqual([code, stdout], [0, `${access}\n`], stderr);
  assert.notEqual(access, stored.access);
  assert.ok(await isValid({ refresh }));
  assert.equal((await grants()).grants, before + 1);
  assert.deepEqual(it.names(), ["auth.json"]);
}

for (const runtime of RUNTIMES) {
  test(`6 processes in ${runtime.name} make one refresh`, { skip: needsSandbox.skip || runtime.skip }, (context) =>
    assertOneRefresh(context, Array(6).fill(runtime)));
}

test("2 processes in each runtime make one refresh together", { skip: needsSandbox.skip || RUNTIMES.map(({ skip }) => skip).find(Boolean) }, (context) =>
  assertOneRefresh(context, [...RUNTIMES, ...RUNTIMES]));

const browser = installed("chromium", "chromium-browser", "google-chrome");
test("in Chromium", { skip: browser ? false : "chromium is not installed" }, async (context) => {
  const say = "const say = (text) => fetch('/said?' + encodeURIComponent(text));";
  const page = `<!doctype html><script type="module">${say}${program("/", "say")}</script>`;
  const types = { js: "text/javascript", wasm: "application/wasm" };
  let heard;
  const said = new Promise((resolve) => (heard = resolve));
  const { url } = await serve(context, (request, response) => {
    const [name, text] = request.url.slice(1).split("?");
    if (name === "said") heard(decodeURIComponent(text));
    response.setHeader("content-type", types[name.split(".").at(-1)] ?? "text/html");
    // What a page that is careful allows, and what it takes for WebAssembly.
    response.setHeader("content-security-policy", "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'");
    const isOurs = /\.(js|wasm)$/.test(name);
    response.end(isOurs ? readFileSync(new URL(name, dist)) : page);
  });
  const parameters = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${scratch}/profile`, url];
  const running = spawn(browser, parameters, { stdio: "ignore" });
  const gone = new Promise((resolve) => running.on("close", resolve));
  context.after(async () => {
    running.kill();
    await gone;
  });
  const tooLate = new Promise((resolve) => setTimeout(resolve, 120_000, "nothing").unref());
  assert.equal(await Promise.race([said, tooLate]), "from the file");
});
