// What the tests stand on: a sandbox provider, told about by variables, and a folder per test.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Where the sandbox is; without one, the tests that need it are skipped. */
export const SANDBOX = process.env.PI_AUTH_SANDBOX;
/** The program that presses Authorize. */
const ROBOT = process.env.PI_AUTH_ROBOT;
/** The native `pi`. */
export const NATIVE = process.env.PI_AUTH_NATIVE;

export const isRoot = process.getuid?.() === 0;

/** For `test`: why it cannot run. */
export const needsSandbox = { skip: SANDBOX ? false : "PI_AUTH_SANDBOX names no sandbox" };

/** Asks the sandbox's control plane. */
export async function control(method, path, body) {
  const response = await fetch(`${SANDBOX}/_sandbox/${path}`, { method, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}

export const settings = (changes) => control("PATCH", "settings", changes);
/** Settings of what a refresh is answered, for one test. */
export async function set(context, changes) {
  context.after(() => settings({ token_delay_ms: 0, rotate: true }));
  await settings(changes);
}
export const grants = () => control("GET", "grants");
/** Waits for the next refresh to be granted from now on: call what it gives, once it is under way. */
export async function nextGrant() {
  const before = (await grants()).grants;
  return async () => {
    while ((await grants()).grants === before) await sleep(20);
  };
}
/** What happened there from now on: call what it gives. */
export async function listen() {
  const before = (await control("GET", "log")).length;
  return async () => (await control("GET", "log")).slice(before);
}
/** Whether the sandbox would take this token now. */
export const isValid = async (token) => (await control("POST", "check", token)).valid;

/** The value of BROWSER with which the robot presses Authorize in place of a person. */
export const BROWSER = ROBOT && `${ROBOT} approve %s`;

/** Fills in the form of a page and presses a button of it, as a person does. */
async function submit(url, html, button, fields = {}) {
  const form = new URLSearchParams({ decision: button });
  for (const [input] of html.matchAll(/<input[^>]*>/g)) {
    const attribute = (name) => new RegExp(` ${name}="([^"]*)"`).exec(input)?.[1];
    form.append(attribute("name"), fields[attribute("name")] ?? attribute("value"));
  }
  const [, action] = /<form[^>]* action="([^"]*)"/.exec(html);
  return fetch(new URL(action, url), { method: "POST", body: form, redirect: "manual" });
}

const open = async (url) => (await fetch(url)).text();

/** Presses Authorize (or another button), and goes where that leads. */
export async function press(button, url) {
  const pressed = await submit(url, await open(url), button);
  return fetch(new URL(pressed.headers.get("location"), url));
}

/** The same, for the page that shows the code. */
export async function codeOf(url) {
  const html = await (await press("authorize", url)).text();
  return /<output id="code">([^<]*)</.exec(html)?.[1];
}

/** Enters the code of a device, and lets it in. */
export async function letIn({ verification_uri, user_code }) {
  const asked = await submit(verification_uri, await open(verification_uri), "continue", { user_code });
  await submit(verification_uri, await asked.text(), "authorize");
}

/** An HTTP server on this machine, until the test is over. */
export async function serve(context, handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

/** Makes what is there, if it is, look as if it had been left this long ago. */
export function age(path, ms) {
  const then = new Date(Date.now() - ms);
  if (existsSync(path)) utimesSync(path, then, then);
}

const homes = [];
process.on("exit", () => homes.forEach((home) => rmSync(home, { recursive: true, force: true })));

/** A folder for one test: nothing of the person's own is seen or touched. */
export async function home() {
  const root = mkdtempSync(join(tmpdir(), "pi-auth-npm-"));
  homes.push(root);
  const directory = join(root, "agent");
  const overrides = join(root, "providers.json");
  writeFileSync(overrides, SANDBOX ? JSON.stringify(await control("GET", "providers")) : "{}");
  const environment = {
    HOME: root,
    PATH: process.env.PATH,
    PI_CODING_AGENT_DIR: directory,
    PI_AUTH_PROVIDERS: overrides,
  };
  const path = (name) => join(directory, name);
  return {
    root,
    directory,
    overrides,
    environment,
    path,
    /** For `new Auth` and the plain functions. */
    options: { environment },
    read: (name = "oauth.json") => readFileSync(path(name), "utf8"),
    entry: (provider, name) => JSON.parse(readFileSync(path(name ?? "oauth.json"), "utf8"))[provider],
    names: () => readdirSync(directory).sort(),
    mode: (name = ".") => (statSync(join(directory, name)).mode & 0o777).toString(8),
    write(name, contents) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(path(name), contents, { mode: 0o600 });
    },
    store(entries, name = "oauth.json") {
      this.write(name, `${JSON.stringify(entries, null, 2)}\n`);
    },
  };
}

/** A login of Anthropic's as the file has it, this many milliseconds before (or after) its `expires`. */
export async function anthropic(left) {
  const { access, refresh } = await control("POST", "issue");
  return { type: "oauth", refresh, access, expires: Date.now() + left };
}

/** The same of Copilot's. */
export async function copilot(left) {
  const { access, refresh } = await control("POST", "issue_copilot", { domain: "github.com" });
  return { type: "oauth", refresh, access, expires: Date.now() + left };
}

export const FRESH = 3_600_000;
export const EXPIRED = -3_600_000;
/** Past what the file says, and still really valid. */
export const DUE = -120_000;

/** Starts a program, whose input has ended unless it is kept open. */
export function run(program, parameters, environment, { cwd, keepInput = false } = {}) {
  const child = spawn(program, parameters, { cwd, env: environment, stdio: "pipe" });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].setEncoding("utf8").on("data", (text) => (said[name] += text));
  child.stdin.on("error", () => {});
  if (!keepInput) child.stdin.end();
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...said }));
  });
  /** Waits until this is said on standard error. */
  const hear = async (pattern) => {
    for (;;) {
      const found = pattern.exec(said.stderr);
      if (found) return found;
      assert.equal(child.exitCode, null, said.stderr);
      await sleep(10);
    }
  };
  return { child, hear, ended };
}

/** Arguments with which this runtime lets a program do anything. */
const RUN = "Deno" in globalThis ? ["run", "--no-check", "--allow-all"] : [];

/** Starts one of the programs beside the tests, in the runtime that runs the tests. */
export function runNode(name, parameters, environment, options) {
  const program = fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
  return run(process.execPath, [...RUN, program, ...parameters], environment, options);
}
