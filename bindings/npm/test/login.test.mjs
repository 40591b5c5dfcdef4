import assert from "node:assert/strict";
import { mkdirSync, rmdirSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";

import { Auth, Cancelled, login, loginAnthropic, loginGitHubCopilot } from "pi-auth";

import { BROWSER, codeOf, home, isValid, letIn, listen, needsSandbox, press, runNode, settings } from "./support.mjs";

/** A person who pastes what the provider's page shows. */
const paster = (change = (code) => code) => ({
  shown: [],
  show(page) {
    this.shown.push(page);
  },
  async paste(page) {
    return change(await codeOf(page.url));
  },
});

async function assertLoggedIn(it, name) {
  const entry = it.entry("anthropic", name);
  assert.deepEqual(Object.keys(entry), ["type", "refresh", "access", "expires"]);
  assert.equal(entry.type, "oauth");
  assert.ok(await isValid({ access: entry.access }));
  assert.ok(await isValid({ refresh: entry.refresh }));
  return entry;
}

test("login by paste: the code is exchanged and stored, for this user alone", needsSandbox, async () => {
  const it = await home();
  const before = process.umask(0);
  try {
    const interaction = paster();
    const done = await new Auth({ ...it.options, interaction }).login({ provider: "anthropic", noBrowser: true });
    assert.equal(done.provider.id, "anthropic");
    assert.match(done.notes.join(), /^\S+providers\.json sends logins and tokens of Anthropic to 127\.0\.0\.1:\d+\.$/);
    assert.equal(interaction.shown.length, 1);
  } finally {
    process.umask(before);
  }
  await assertLoggedIn(it);
  assert.deepEqual([it.mode(), it.mode("oauth.json")], ["700", "600"]);
  assert.deepEqual(it.names(), ["oauth.json"]);
});

test("a wrong paste is told and asked for again", needsSandbox, async () => {
  const it = await home();
  let count = 0;
  const interaction = paster((code) => (count++ === 0 ? `${code}-of-another-login` : code));
  await loginAnthropic({ ...it.options, interaction, noBrowser: true });
  assert.equal(interaction.shown.length, 2);
  assert.match(interaction.shown[1].problem, /belongs to another login/);
  await assertLoggedIn(it);
});

test("a code and its state are found anywhere in what is pasted", needsSandbox, async () => {
  for (const change of [
    (code, state) => `code=${code}&state=${state}`,
    (code, state) => `my browser says: http://localhost:53692/callback?code=${code}&state=${state}`,
    (code, state) => `localhost:53692/callback?code=${code}&state=${state}`,
    (code, state) => `code: ${code}#${state}`,
    (code, state) => `${code}%23${state}`,
  ]) {
    const it = await home();
    const interaction = paster((pasted) => change(...pasted.split("#")));
    await new Auth({ ...it.options, interaction }).login({ provider: "anthropic", noBrowser: true });
    assert.equal(interaction.shown.length, 1, String(change));
    await assertLoggedIn(it);
  }
});

test("login by callback: the browser is answered once it is stored", needsSandbox, async () => {
  const it = await home();
  const pages = [];
  const interaction = {
    async open(url) {
      const landed = async () => {
        const page = await press("authorize", url);
        return { status: page.status, body: await page.text(), stored: it.names().includes("oauth.json") };
      };
      pages.push(landed());
      return true;
    },
  };
  const environment = { ...it.environment, DISPLAY: ":0" };
  await new Auth({ environment, interaction }).login({ provider: "anthropic" });
  const { status, body, stored } = await pages[0];
  assert.equal(status, 200);
  assert.match(body, /You are logged in to Anthropic/);
  await assertLoggedIn(it);
  assert.ok(stored);
});

test("a browser that only connects keeps nothing alive, and a question ends when the browser is back", needsSandbox, async () => {
  const it = await home();
  const sockets = [];
  const interaction = {
    async open(url) {
      const { port } = new URL(new URL(url).searchParams.get("redirect_uri"));
      const ahead = connect(Number(port), "127.0.0.1");
      sockets.push(new Promise((resolve) => ahead.on("error", () => {}).on("close", resolve)));
      await new Promise((resolve) => ahead.on("connect", resolve));
      void press("authorize", url);
      // A program that ends long after the browser is back.
      return new Promise((resolve) => setTimeout(resolve, 5000, true).unref());
    },
    // Asked although the program that opens has not ended, and ended by its signal.
    paste: (_, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  };
  const auth = new Auth({ environment: { ...it.environment, DISPLAY: ":0" }, interaction });
  await auth.login({ provider: "anthropic" });
  await Promise.race([sockets[0], new Promise((_, reject) => setTimeout(reject, 120_000, new Error("still open")).unref())]);
  await assertLoggedIn(it);
});

test("a person may answer at once", needsSandbox, async () => {
  const it = await home();
  const interaction = { present: true, select: () => 0, paste: (page) => codeOf(page.url) };
  await new Auth({ ...it.options, interaction }).login({ noBrowser: true });
  await assertLoggedIn(it);
});

test("login by callback with the system's browser, which BROWSER names", { skip: !BROWSER }, async () => {
  const it = await home();
  const { ended } = runNode("login", ["anthropic"], { ...it.environment, BROWSER });
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /Opening browser to authorize/);
  await assertLoggedIn(it);
});

test("the callback takes a GET of its path, under its name, with the right state only", needsSandbox, async () => {
  const it = await home();
  const seen = [];
  const interaction = {
    async open(url) {
      const callback = new URL(new URL(url).searchParams.get("redirect_uri"));
      const state = new URL(url).searchParams.get("state");
      const ask = (path, options = {}) =>
        new Promise((resolve, reject) => {
          const sent = request({ host: "127.0.0.1", port: callback.port, path, agent: false, ...options });
          sent.on("response", (response) => {
            let body = "";
            response.setEncoding("utf8").on("data", (text) => (body += text));
            response.on("end", () => resolve([response.statusCode, body.includes("planted")]));
          });
          sent.on("error", reject).end();
        });
      const good = `code=planted&state=${state}`;
      seen.push(await ask(`/elsewhere?${good}`));
      seen.push(await ask(`${callback.pathname}?${good}`, { method: "POST" }));
      seen.push(await ask(`${callback.pathname}?${good}`, { headers: { host: "evil.invalid" } }));
      seen.push(await ask(`${callback.pathname}?code=planted&state=other`));
      void press("authorize", url);
      return true;
    },
  };
  const auth = new Auth({ environment: { ...it.environment, DISPLAY: ":0" }, interaction });
  await auth.login({ provider: "anthropic" });
  assert.deepEqual(seen, [
    [404, false],
    [405, false],
    [421, false],
    [400, false],
  ]);
  await assertLoggedIn(it);
});

test("without a terminal the address is shown and the code is read as a line", needsSandbox, async () => {
  const it = await home();
  const environment = { ...it.environment, SSH_TTY: "/dev/pts/9" };
  const { child, hear, ended } = runNode("login", ["anthropic"], environment, { keepInput: true });
  const [url] = await hear(/http:\/\/\S+\/oauth\/authorize\S+/);
  child.stdin.write(`${await codeOf(url)}\n`);
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stdout], [0, ""], stderr);
  await assertLoggedIn(it);
});

test("where the input has ended and no browser can come, there is nobody to log in", needsSandbox, async () => {
  const it = await home();
  const environment = { ...it.environment, SSH_TTY: "/dev/pts/9" };
  const { code, stdout, stderr } = await runNode("login", ["anthropic"], environment).ended;
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /http:\/\/127\.0\.0\.1/);
  assert.match(stderr, /AuthError/);
  assert.deepEqual(it.names(), []);
});

test("Copilot: the code is shown, and what comes of it is stored", needsSandbox, async () => {
  const it = await home();
  await settings({ github: { interval_s: 1 } });
  const shown = [];
  const left = [];
  const interaction = {
    showCode: (code) => {
      shown.push(code);
      void letIn(code);
    },
    countingDown: (waiting) => left.push(waiting),
  };
  await loginGitHubCopilot({ ...it.options, interaction, noBrowser: true });
  assert.equal(shown.length, 1);
  assert.ok(left.length > 1 && left[0].leftMs > 0 && left.at(-1) === undefined);
  const entry = it.entry("github-copilot");
  assert.equal(entry.type, "oauth");
  assert.ok(await isValid({ github: { domain: "github.com", token: entry.refresh } }));
  assert.ok(await isValid({ copilot: { domain: "github.com", token: entry.access } }));
  assert.ok(entry.availableModelIds.includes("claude-sonnet-4.5"));
  assert.deepEqual([it.mode(), it.mode("oauth.json")], ["700", "600"]);
});

test("Copilot with the system's browser, which BROWSER names", { skip: !BROWSER }, async () => {
  const it = await home();
  await settings({ github: { interval_s: 1 } });
  const { code, stderr } = await runNode("login", ["github-copilot"], { ...it.environment, BROWSER }).ended;
  assert.equal(code, 0, stderr);
  assert.ok(it.entry("github-copilot").access.startsWith("tid="));
});

for (const [title, fail] of [
  ["throws", () => { throw new Error("no screen"); }],
  ["rejects", async () => { throw new Error("no screen"); }],
]) {
  test(`a user interface that ${title} where it only tells something loses no login`, needsSandbox, async () => {
    const it = await home();
    await settings({ github: { interval_s: 1 } });
    const told = [];
    const telling = (name) => (value) => {
      told.push(name);
      return fail(value);
    };
    const names = ["show", "open", "browserFailed", "waiting", "countingDown", "close"];
    const broken = Object.fromEntries(names.map((name) => [name, telling(name)]));
    // Somebody else has the lock for a moment.
    mkdirSync(it.path("auth.json.lock"), { recursive: true });
    setTimeout(() => rmdirSync(it.path("auth.json.lock")), 1300);
    const environment = { ...it.environment, DISPLAY: ":0" };
    let url;
    const show = (page) => {
      url = page.url;
      return broken.show();
    };
    const paste = () => codeOf(url);
    await loginAnthropic({ environment, interaction: { ...broken, show, paste } });
    const showCode = (code) => void letIn(code);
    await loginGitHubCopilot({ environment, interaction: { ...broken, showCode } });
    await assertLoggedIn(it);
    assert.ok(it.entry("github-copilot").access);
    assert.deepEqual([...new Set(told)].sort(), names.sort());
  });
}

test("a person picks the provider, and may stop", needsSandbox, async () => {
  const it = await home();
  const questions = [];
  const interaction = {
    ...paster(),
    present: true,
    async select(question) {
      questions.push(question);
      return 0;
    },
  };
  await new Auth({ ...it.options, interaction }).login({ noBrowser: true });
  assert.deepEqual(questions[0].options.map(({ id }) => id), ["anthropic", "github-copilot"]);
  await assertLoggedIn(it);
  const stopping = { async select() { throw new Cancelled("no"); } };
  const stopped = new Auth({ ...it.options, interaction: stopping }).login();
  await assert.rejects(stopped, { name: "AuthError", code: "cancelled" });
});

test("an AbortSignal ends a login while the person is asked", needsSandbox, async () => {
  const it = await home();
  const stop = new AbortController();
  const interaction = {
    show: () => setTimeout(() => stop.abort(), 50),
    // Such a person never answers, and never looks at the signal.
    paste: () => new Promise(() => {}),
  };
  const environment = { ...it.environment, DISPLAY: ":0" };
  const auth = new Auth({ environment, interaction: { ...interaction, open: async () => true } });
  const ended = auth.login({ provider: "anthropic", signal: stop.signal });
  await assert.rejects(ended, { code: "cancelled" });
  assert.deepEqual(it.names(), []);
});

test("a code of another login is never taken: after five tries the login ends", needsSandbox, async () => {
  const it = await home();
  const log = await listen();
  const problems = [];
  const interaction = { paste: ({ problem }) => problems.push(problem) && "code#wrong-state" };
  await assert.rejects(login("anthropic", { ...it.options, interaction, noBrowser: true }), { code: "bad_input" });
  assert.deepEqual(problems.map((problem) => problem !== null), [false, true, true, true, true]);
  assert.deepEqual(await log(), []);
  assert.deepEqual(it.names(), []);
});

test("a refusal at the provider is an error of its own", needsSandbox, async () => {
  const it = await home();
  const log = await listen();
  const pages = [];
  const interaction = { open: async (url) => pages.push(press("deny", url)) > 0 };
  const environment = { ...it.environment, DISPLAY: ":0" };
  await assert.rejects(login("anthropic", { environment, interaction }), { name: "AuthError", code: "denied" });
  assert.doesNotMatch(await (await pages[0]).text(), /logged in to/);
  assert.ok(!(await log()).some(({ kind }) => kind === "code_exchanged"));
  assert.deepEqual(it.names(), []);
});

test("a corrupt file is found before the person is asked, and left as it is", needsSandbox, async () => {
  const it = await home();
  it.write("auth.json", '{"anthropic": ');
  const interaction = { show: () => assert.fail("nobody is asked") };
  const failed = login("anthropic", { ...it.options, interaction, noBrowser: true });
  await assert.rejects(failed, { code: "store_corrupt" });
  assert.equal(it.read("auth.json"), '{"anthropic": ');
});
