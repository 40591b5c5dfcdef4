// Whatever a provider, a person or a clock does wrong, nobody is logged out by us.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";

import { Auth } from "pi-auth";

import { FAULTS } from "./every-fault.mjs";
import { anthropic, codeOf, control, copilot, DUE, EXPIRED, FRESH, home, isValid, listen, needsSandbox, serve } from "./support.mjs";

/** A home with a login whose next refresh is spoiled. */
async function spoiled(context, fault, left) {
  const it = await home();
  const stored = await anthropic(left);
  it.store({ anthropic: stored });
  await control("DELETE", "faults");
  await control("POST", "faults", [fault]);
  context.after(() => control("DELETE", "faults"));
  return { it, stored, before: it.read() };
}

const hasControls = (text) => /[\u0000-\u001f\u007f-\u009f]/.test(text);

test("with an expired token every fault is an error that says what to do, and the login stays", needsSandbox, async (context) => {
  for (const [name, fault, code, words] of FAULTS) {
    const { it, stored, before } = await spoiled(context, fault, EXPIRED);
    const log = await listen();
    const failed = await new Auth(it.options).token("anthropic").then(assert.fail, (error) => error);
    assert.deepEqual([failed.name, failed.code], ["AuthError", code], name);
    assert.ok(failed.message.includes(words), `${name}: ${failed.message}`);
    assert.ok(failed.advice.length > 10 && !hasControls(failed.message + failed.advice), name);
    assert.equal(failed.afterMs > 0, code === "retry_later", name);
    assert.equal(it.read(), before, name);
    assert.deepEqual(it.names().filter((left) => !left.endsWith(".backoff")), ["oauth.json"], name);
    assert.equal(new Set((await log()).map(({ request }) => request.id)).size, 1, `${name}: asked once`);
    assert.equal(await isValid({ refresh: stored.refresh }), name !== "drop_after_grant", name);
  }
});

test("within five minutes of the expiry every fault leaves the old token, with a note", needsSandbox, async (context) => {
  for (const [name, fault] of FAULTS) {
    const { it, stored, before } = await spoiled(context, fault, DUE);
    const { key, notes } = await new Auth(it.options).token("anthropic");
    assert.equal(key.value, stored.access, name);
    assert.match(notes.join("\n"), /still valid for [23] min/, name);
    assert.equal(it.read(), before, name);
  }
});

test("an answer without a refresh token keeps the old one", needsSandbox, async (context) => {
  const { it, stored } = await spoiled(context, "no_refresh_token", EXPIRED);
  const { key } = await new Auth(it.options).token("anthropic");
  assert.deepEqual([it.entry("anthropic").refresh, it.entry("anthropic").access], [stored.refresh, key.value]);
  assert.notEqual(key.value, stored.access);
});

test("a login that the provider spoils at its end stores nothing", needsSandbox, async (context) => {
  context.after(() => control("DELETE", "faults"));
  for (const [name, fault] of FAULTS) {
    const it = await home();
    const interaction = {
      async paste({ url }) {
        const code = await codeOf(url);
        await control("POST", "faults", [fault]);
        return code;
      },
    };
    const failed = await new Auth({ ...it.options, interaction }).login({ provider: "anthropic", noBrowser: true }).then(assert.fail, (error) => error);
    assert.equal(failed.name, "AuthError", `${name}: ${failed}`);
    assert.ok(!hasControls(failed.message + failed.advice), name);
    assert.deepEqual(it.names(), [], name);
    await control("DELETE", "faults");
  }
});

test("a GitHub token survives whatever its exchange comes to", needsSandbox, async (context) => {
  context.after(() => control("DELETE", "faults"));
  for (const [name, fault] of FAULTS) {
    const it = await home();
    const stored = await copilot(EXPIRED);
    it.store({ "github-copilot": stored });
    await control("DELETE", "faults");
    await control("POST", "faults/copilot_token", [fault]);
    await assert.rejects(new Auth(it.options).token("github-copilot"), { name: "AuthError" }, name);
    assert.deepEqual(it.entry("github-copilot"), stored, name);
  }
});

test("a redirect is followed nowhere, not even on this machine", needsSandbox, async (context) => {
  const seen = [];
  const { url } = await serve(context, (request, response) => response.end(seen.push(request.url)));
  for (const left of [EXPIRED, DUE]) {
    const { it } = await spoiled(context, { redirect: { location: url } }, left);
    await new Auth(it.options).token("anthropic").catch(({ code }) => assert.equal(code, "provider_error"));
  }
  assert.deepEqual(seen, []);
});

/** Ways to begin an answer and never end it. */
const UNENDING = {
  "hangs": () => {},
  "drips its answer": (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const drip = setInterval(() => response.write(" "), 20);
    response.on("close", () => clearInterval(drip));
  },
  "stops in its head": (response) => response.socket.write("HTTP/1.1 200 OK\r\nContent-"),
};

for (const [name, answer] of Object.entries(UNENDING)) {
  test(`a provider that ${name} costs no more than the deadline, and no login`, async (context) => {
    // The real one is half a minute.
    const real = AbortSignal.timeout.bind(AbortSignal);
    const timeout = context.mock.method(AbortSignal, "timeout", (ms) => real(ms / 100));
    const { url } = await serve(context, (_, response) => void answer(response));
    for (const [left, ends] of [[EXPIRED, "retry_later"], [DUE, "old"]]) {
      const it = await home();
      writeFileSync(it.overrides, JSON.stringify({ anthropic: { token_url: url } }));
      it.store({ anthropic: { type: "oauth", refresh: "refresh", access: "old", expires: Date.now() + left } });
      const before = it.read();
      const ended = await new Auth(it.options).token("anthropic").then(({ key }) => key.value, (error) => (assert.match(error.message, /no answer in time/), error.code));
      assert.deepEqual([ended, it.read()], [ends, before]);
    }
    assert.deepEqual(timeout.mock.calls.map(({ arguments: [ms] }) => ms), [30_000, 30_000]);
  });
}

test("a connection that is reset, at whatever point, costs no login", async (context) => {
  const resets = [
    (response) => response.socket.resetAndDestroy(),
    (response) => response.writeHead(200, { "content-length": 100 }).write('{"access_token":', () => response.socket.resetAndDestroy()),
    (response) => response.writeHead(200).write('{"access_token":"a","refresh_token":"r","expires_in":3600,', () => response.socket.destroy()),
  ];
  let reset;
  const { url } = await serve(context, (_, response) => void reset(response));
  for (reset of resets) {
    const it = await home();
    writeFileSync(it.overrides, JSON.stringify({ anthropic: { token_url: url } }));
    it.store({ anthropic: { type: "oauth", refresh: "refresh", access: "old", expires: 1 } });
    const before = it.read();
    await assert.rejects(new Auth(it.options).token("anthropic"), { code: "retry_later", message: /connection broke/ });
    assert.equal(it.read(), before);
  }
});

/** A login in which the first thing pasted is this, and the right code after it. */
async function pasting(first) {
  const it = await home();
  const problems = [];
  const interaction = {
    async paste({ url, problem }) {
      problems.push(problem);
      const code = await codeOf(url);
      return problems.length === 1 ? first(code) : code;
    },
  };
  const ended = await new Auth({ ...it.options, interaction }).login({ provider: "anthropic", noBrowser: true }).then(() => "logged in", ({ code }) => code);
  assert.equal(it.names().includes("oauth.json"), ended === "logged in");
  return [ended, ...problems.slice(1)];
}

test("a slip at the paste prompt is asked for again: what is empty, endless, of another login, no code at all, or used", needsSandbox, async () => {
  let used;
  assert.deepEqual(await pasting((code) => (used = code)), ["logged in"]);
  for (const [paste, problem] of [
    ["", /^Nothing was pasted/],
    [" \n", /^Nothing was pasted/],
    ["x".repeat(1 << 20), /far longer than an authorization code/],
    [`code#${"x".repeat(1 << 20)}`, /far longer than an authorization code/],
    [used, /belongs to another login/],
    ["123456", /not an authorization code of this provider/],
    ["correct-horse-battery", /not an authorization code of this provider/],
    ["me@example.com", /an address without an authorization code/],
    ["sk-ant-oat01-0123456789abcdefABCDEF0123", /a token or an API key/],
    ["y", /holds no authorization code/],
    // A bare code says nothing of the login that it belongs to: the provider refuses it.
    [used.split("#")[0], /did not take the authorization code: invalid_grant.*Paste the whole code/],
  ]) {
    const [ended, told, ...more] = await pasting(() => paste);
    assert.deepEqual([ended, more], ["logged in", []]);
    assert.match(told, problem);
  }
  for (const shape of [
    (code) => `code: ${code}`,
    (code) => code.replace("#", "%23"),
    (code) => `localhost:53692/callback?code=${code.replace("#", "&state=")}`,
  ]) {
    assert.deepEqual(await pasting(shape), ["logged in"]);
  }
  // More than the core takes at once.
  assert.deepEqual(await pasting(() => "x".repeat(20 << 20)), ["bad_input"]);
});

test("what a server has a person read and open holds no control character, and no other address than a page's", async (context) => {
  let answer;
  const { url } = await serve(context, (_, response) => response.setHeader("content-type", "application/json").end(JSON.stringify(answer)));
  const good = { device_code: "d", user_code: "ABCD-EFGH", verification_uri: "https://github.com/login/device", expires_in: 900, interval: 5 };
  const cases = [
    [{ user_code: "AB\u001b[31m\u009bCD\r\n" }, "AB[31mCD"],
    [{ verification_uri: "https://github.com/\u001b[2Jlogin" }, undefined],
    [{ verification_uri: "javascript:alert(1)" }, undefined],
    [{ verification_uri: "file:///etc/passwd" }, undefined],
    [{ verification_uri_complete: "https://evil.invalid/?code=ABCD-EFGH" }, "ABCD-EFGH"],
  ];
  for (const [change, shown] of cases) {
    answer = { ...good, ...change };
    const it = await home();
    writeFileSync(it.overrides, JSON.stringify({ "github-copilot": { device_authorization_url: url, token_url: url, copilot_token_url: url } }));
    const stop = new AbortController();
    const codes = [];
    const opened = [];
    const interaction = {
      showCode: (code) => codes.push(code) && stop.abort(),
      open: async (page) => opened.push(page) > 0,
    };
    const environment = { ...it.environment, DISPLAY: ":0" };
    const ended = new Auth({ environment, interaction }).login({ provider: "github-copilot", signal: stop.signal });
    await assert.rejects(ended, (error) => !hasControls(error.message + error.advice) && error.code === (shown ? "cancelled" : "retry_later"));
    assert.deepEqual(codes.map(({ user_code }) => user_code), shown ? [shown] : []);
    for (const text of [...codes.flatMap(Object.values), ...opened]) assert.ok(!hasControls(String(text)), JSON.stringify(text));
    assert.deepEqual(opened.filter((page) => !page.startsWith("https://github.com/login")), []);
  }
});

test("a clock that is off, or jumps meanwhile, makes no loop and loses no login", needsSandbox, async (context) => {
  const real = Date.now;
  const HOUR = 3_600_000;
  let calls;
  for (const [title, clock] of [
    ["an hour back", () => -HOUR],
    ["an hour ahead", () => HOUR],
    ["backwards in between", () => -HOUR * calls],
    ["forwards in between", () => HOUR * calls],
    ["to and fro", () => (calls % 2 === 0 ? HOUR : -HOUR)],
    ["at its beginning", () => -real()],
  ]) {
    for (const left of [FRESH, DUE, EXPIRED]) {
      const it = await home();
      const stored = await anthropic(left);
      it.store({ anthropic: stored });
      const log = await listen();
      calls = 0;
      const now = context.mock.method(Date, "now", () => (calls += 1, real() + clock()));
      const { key } = await new Auth(it.options).token("anthropic");
      now.mock.restore();
      assert.ok(calls < 1000, `${title}: ${calls}`);
      assert.ok(key.value === stored.access || (await isValid({ access: key.value })), title);
      assert.ok((await log()).length <= 1, title);
      assert.ok(await isValid({ refresh: it.entry("anthropic").refresh }), title);
      assert.deepEqual(it.names(), ["oauth.json"]);
    }
  }
});
