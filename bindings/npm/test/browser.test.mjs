// The browser that a login opens, and the server that it comes back to.
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer, Server } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Auth } from "pi-auth";

import { Callback } from "../dist/callback.js";
import { aboutCore } from "../dist/module.js";
import { codeOf, home, listen, needsSandbox, press, runNode } from "./support.mjs";

/** Puts a shell script in a folder of its own, which comes first in PATH. */
function script(it, name, body) {
  const folder = join(it.root, "bin");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(`${path}.part`, `#!/bin/sh\n${body}\n`);
  chmodSync(`${path}.part`, 0o755);
  renameSync(`${path}.part`, path);
  return { PATH: `${folder}:${process.env.PATH}` };
}

/** Has a browser write down its arguments and its environment. */
const NOTES = `{ printf '%s\\n' "$@"; export -p; } > "$HOME/noted.part"; mv "$HOME/noted.part" "$HOME/noted"`;

async function noted(it) {
  while (!existsSync(join(it.root, "noted"))) await sleep(20);
  return readFileSync(join(it.root, "noted"), "utf8");
}

/** Asks without following where the answer leads. */
const get = (url) => fetch(url, { redirect: "manual" });

const hasIpv6 = await new Promise((resolve) => {
  const server = createServer().once("error", () => resolve(false));
  server.listen(0, "::1", () => server.close(() => resolve(true)));
});

/** Tells if somebody listens there. */
const answers = (host, port) =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });

const callbackOf = (page) => new URL(new URL(page).searchParams.get("redirect_uri"));

test("no argument of the browser holds state or challenge; its address leads on once, and who comes second is told", needsSandbox, async () => {
  const it = await home();
  const secret = { GH_TOKEN: "browser-secret", ANTHROPIC_API_KEY: "browser-secret", X: "ghp_browser-secret", FTP_PROXY: "http://me:browser-secret@h:1" };
  const environment = { ...it.environment, ...secret, DISPLAY: ":0", XAUTHORITY: "/x", ...script(it, "xdg-open", NOTES) };
  const interaction = { show: (page) => (interaction.page = page.url) };
  const login = new Auth({ environment, interaction }).login({ provider: "anthropic" });
  const text = await noted(it);
  const address = text.split("\n")[0];
  const page = new URL(interaction.page);
  for (const name of ["state", "code_challenge"]) assert.ok(!text.includes(page.searchParams.get(name)), name);
  assert.ok(!text.includes("browser-secret"), text);
  for (const kept of ["DISPLAY", "XAUTHORITY"]) assert.ok(text.includes(kept), kept);
  const first = await get(address);
  assert.deepEqual([first.status, first.headers.get("location")], [303, page.href]);
  assert.deepEqual(["cache-control", "referrer-policy"].map((name) => first.headers.get(name)), ["no-store", "no-referrer"]);
  const second = await get(address);
  assert.deepEqual([second.status, second.headers.get("location")], [410, null]);
  assert.match(await second.text(), /stop the login in your terminal/);
  assert.equal((await press("authorize", page.href)).status, 200);
  await login;
  assert.ok(it.entry("anthropic").access);
});

test("a browser may be given the provider's address where it may run elsewhere", needsSandbox, async () => {
  for (const [name, variables] of [["wslview", { WSL_DISTRO_NAME: "Debian" }], ["helper", { BROWSER: "helper" }]]) {
    const it = await home();
    const environment = { ...it.environment, ...variables, ...script(it, name, NOTES) };
    const interaction = { show: (page) => (interaction.page = page.url) };
    const login = new Auth({ environment, interaction }).login({ provider: "anthropic" });
    assert.equal((await noted(it)).split("\n")[0], interaction.page);
    await press("authorize", interaction.page);
    await login;
  }
});

test("a text browser gets no terminal, and no browser is awaited before the question", needsSandbox, async () => {
  for (const [browser, starts] of [["nosuch:w3m", false], [" w3m", false], ["netrik", false], ["w3m -T text/html %s", false], ["unheard-of", true]]) {
    const it = await home();
    const taken = `echo taken > "$HOME/taken"; exec sleep 30`;
    for (const name of ["w3m", "netrik"]) script(it, name, taken);
    const environment = { ...it.environment, ...script(it, "unheard-of", taken), DISPLAY: ":0", BROWSER: browser };
    const began = Date.now();
    let asked;
    const interaction = { paste: (page) => ((asked = Date.now()), codeOf(page.url)) };
    await new Auth({ environment, interaction }).login({ provider: "anthropic", paste: true });
    assert.ok(asked - began < 20_000, browser);
    if (starts) while (!existsSync(join(it.root, "taken"))) await sleep(20);
    assert.equal(existsSync(join(it.root, "taken")), starts, browser);
  }
});

test("a browser that fails is told afterwards", needsSandbox, async () => {
  const it = await home();
  const environment = { ...it.environment, ...script(it, "failing", "exit 3"), DISPLAY: ":0", BROWSER: "nosuch:failing" };
  const told = Promise.withResolvers?.() ?? (() => { let resolve; const promise = new Promise((it) => (resolve = it)); return { promise, resolve }; })();
  const interaction = { browserFailed: told.resolve, paste: async (page) => (await told.promise, codeOf(page.url)) };
  await new Auth({ environment, interaction }).login({ provider: "anthropic", paste: true });
  assert.match(await told.promise, /oauth\/authorize/);
});

test("for localhost both families are listened on, on one port; where either is taken, on another", { skip: needsSandbox.skip || (!hasIpv6 && "there is no ::1 here") }, async (context) => {
  for (const host of ["127.0.0.1", "::1"]) {
    const it = await home();
    const taken = createServer(() => assert.fail("somebody came to the other"));
    await new Promise((resolve) => taken.listen(0, host, resolve));
    context.after(() => taken.close());
    const { port } = taken.address();
    const overrides = JSON.parse(readFileSync(it.overrides, "utf8"));
    overrides.anthropic.loopback_redirect_uri = `http://localhost:${port}/callback`;
    writeFileSync(it.overrides, JSON.stringify(overrides));
    const seen = [];
    const interaction = {
      async open(url) {
        const callback = callbackOf(url);
        seen.push(callback.port === String(port));
        seen.push(await answers("127.0.0.1", callback.port), await answers("::1", callback.port));
        void press("authorize", url);
        return true;
      },
    };
    await new Auth({ environment: { ...it.environment, DISPLAY: ":0" }, interaction }).login({ provider: "anthropic" });
    assert.deepEqual(seen, [false, true, true], host);
  }
});

test("for localhost IPv4 is listened on alone where there is no ::1, and nowhere else", async (context) => {
  const { listen } = Server.prototype;
  for (const [code, isAlone] of [["EADDRNOTAVAIL", true], ["EAFNOSUPPORT", true], ["EPROTONOSUPPORT", true], ["EADDRINUSE", false], ["EACCES", false]]) {
    const refused = context.mock.method(Server.prototype, "listen", function (where, done) {
      if (where.host !== "::1") return listen.call(this, where, done);
      process.nextTick(() => this.emit("error", Object.assign(new Error(code), { code })));
      return this;
    });
    const callback = await Callback.listen("both", 0, "/callback").catch((error) => error);
    refused.mock.restore();
    if (isAlone) {
      assert.equal((await get(`http://127.0.0.1:${callback.port}/elsewhere`)).status, 404, code);
      callback.close();
    } else assert.equal(callback.code, code);
  }
});

test("of too many connections the oldest unfinished ones are closed, and a slow one in time", needsSandbox, async () => {
  const it = await home();
  let closed = 0;
  const seen = {};
  const crowd = async (callback) => {
    const sockets = Array.from({ length: 40 }, () => connect(Number(callback.port), "127.0.0.1"));
    for (const socket of sockets) socket.resume().on("error", () => {}).on("close", () => closed++);
    while (closed < 8) await sleep(20);
    seen.left = sockets.filter((socket) => !socket.destroyed).length;
    while (closed < 40) await sleep(50);
    // A name that localhost may stand for is one of ours.
    seen.status = await new Promise((resolve, reject) => {
      const headers = { host: `[::1]:${callback.port}` };
      request({ host: "127.0.0.1", port: callback.port, path: "/callback?state=x", headers }, (response) => resolve(response.resume().statusCode)).on("error", reject).end();
    });
  };
  const interaction = {
    async open(url) {
      // Whatever becomes of it, the login ends.
      await crowd(callbackOf(url)).catch((error) => (seen.error = error));
      void press("authorize", url);
      return true;
    },
  };
  await new Auth({ environment: { ...it.environment, DISPLAY: ":0" }, interaction }).login({ provider: "anthropic" });
  assert.deepEqual(seen, { left: 32, status: 400 });
  assert.ok(it.entry("anthropic").access);
});

/** A callback server that ends with the test. */
async function callbackServer(context, on = "ipv4") {
  const callback = await Callback.listen(on, 0, "/callback");
  context.after(() => callback.close());
  return callback;
}

const NEVER = new AbortController().signal;
/** The status of the page that a browser is given for this query. */
const statusOf = async (callback, query) => (await get(`http://127.0.0.1:${callback.port}/callback?${query}`)).status;

test("a burst of connections is cut off before it can take all descriptors", async (context) => {
  // Without these timers nothing but the cap closes a connection.
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const most = 4 * aboutCore().callback_connections;
  const callback = await callbackServer(context);
  let closed = 0;
  const cut = new Promise((resolve) => {
    for (let count = 0; count < most + 40; count++) {
      const socket = connect(callback.port, "127.0.0.1").on("error", () => {});
      socket.resume().on("close", () => (closed += 1) === 40 && resolve());
      context.after(() => socket.destroy());
    }
  });
  await cut;
  // Nobody else was cut off by then: one more is, and the number of those that stay is the cap.
  await new Promise((resolve) => connect(callback.port, "127.0.0.1").on("error", () => {}).resume().on("close", resolve));
  assert.equal(closed, 40);
});

test("a browser that comes while nobody waits is met by the next who does; of too many, one is told that it is over", async (context) => {
  const callback = await callbackServer(context);
  const early = ["n=1", "n=2", "n=3", "n=4"].map((query) => statusOf(callback, query));
  // The fifth is told at once; which of them is the fifth, the system decides.
  const fifth = statusOf(callback, "n=5");
  assert.equal(await Promise.race([...early, fifth]), 410);
  const all = [...early, fifth];
  const met = await callback.visit((query) => query === "n=2" || query === "n=5", NEVER);
  await Promise.all([met.answer({ logged_in: "Anthropic" }), callback.shut()]);
  const statuses = await Promise.all(all);
  assert.equal(statuses.filter((status) => status === 200).length, 1);
  assert.equal(statuses[met.query === "n=2" ? 1 : 4], 200);
  assert.ok(statuses.every((status) => [200, 400, 410].includes(status)), String(statuses));
});

test("who came early and is met by nobody is told that it is over", async (context) => {
  const callback = await callbackServer(context);
  const early = statusOf(callback, "n=1");
  const gone = statusOf(callback, "n=2");
  // A fifth is answered once four have come.
  const others = [3, 4, 5].map((n) => statusOf(callback, `n=${n}`));
  await Promise.race([early, gone, ...others]);
  await callback.shut();
  callback.close();
  assert.deepEqual(await Promise.all([early, gone, ...others]), [410, 410, 410, 410, 410]);
});

test("a browser that is late, on a connection of before, is told that it is over", async (context) => {
  const callback = await callbackServer(context);
  const { port } = callback;
  const socket = connect(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  // It is taken before the next one, whose page tells that.
  assert.equal((await get(`http://127.0.0.1:${port}/elsewhere`)).status, 404);
  await callback.shut();
  socket.write(`GET /callback?code=x HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  const [said] = await once(socket, "data");
  assert.match(String(said), /^HTTP\/1.1 410 /);
  socket.destroy();
});

test("where nobody can paste, a browser is waited for ten minutes, by the clock", needsSandbox, async (context) => {
  const it = await home();
  const told = [];
  const now = Date.now;
  context.after(() => (Date.now = now));
  const interaction = {
    open: async () => true,
    // The flow asks for the time once more, and then ten minutes have passed.
    paste: async () => {
      let left = 1;
      Date.now = () => (left-- > 0 ? now() : now() + 600_001);
      return undefined;
    },
    waiting: (activity) => told.push(activity),
  };
  const login = new Auth({ environment: { ...it.environment, DISPLAY: ":0" }, interaction }).login({ provider: "anthropic" });
  await assert.rejects(login, { code: "expired", message: /No browser came back from Anthropic within 10 minutes/ });
  assert.deepEqual(told, ["Waiting for the browser for 10 minutes", undefined]);
  assert.deepEqual(it.names(), []);
});

test("where nobody can paste, a machine that was suspended does not wait on for a browser", needsSandbox, async (context) => {
  const it = await home();
  const now = Date.now;
  context.after(() => (Date.now = now));
  const interaction = {
    open: async () => true,
    paste: async () => undefined,
    // Timers stood still, the clock did not.
    waiting: (activity) => activity && setTimeout(() => (Date.now = () => now() + 600_001), 100),
  };
  const login = new Auth({ environment: { ...it.environment, DISPLAY: ":0" }, interaction }).login({ provider: "anthropic" });
  await assert.rejects(login, { code: "expired" });
});

test("where nobody can paste and nobody sees what is shown, a login ends at once", needsSandbox, async () => {
  const it = await home();
  const log = await listen();
  const interaction = { open: async () => true, paste: async () => undefined, get gone() { return true; } };
  const login = new Auth({ environment: { ...it.environment, DISPLAY: ":0" }, interaction }).login({ provider: "anthropic" });
  await assert.rejects(login, { code: "cancelled" });
  assert.deepEqual(await log(), []);

  const { child, ended } = runNode("login-code", ["anthropic"], { ...it.environment, DISPLAY: ":0", BROWSER: "nosuch" });
  child.stderr.destroy();
  const { code, stdout } = await ended;
  assert.deepEqual([code, stdout], [0, "cancelled\n"]);
});
