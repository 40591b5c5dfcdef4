// `pi-auth/core` where there is no Node: in whatever of these runtimes is installed here.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { serve } from "./support.mjs";

const dist = new URL("../dist/", import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), "pi-auth-runtimes-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** The first of these programs that is in PATH. */
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

for (const [name, parameters] of [
  ["deno", ["run", "--no-prompt", `--allow-read=${new URL(dist).pathname}`]],
  ["bun", ["run"]],
]) {
  const runtime = installed(name);
  test(`in ${name}`, { skip: runtime ? false : `${name} is not installed` }, async () => {
    const file = join(scratch, `${name}.mjs`);
    writeFileSync(file, program(dist.href, "console.log"));
    assert.equal(await run(runtime, [...parameters, file]), "from the file\n");
  });
}

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
