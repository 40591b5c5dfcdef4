// Where no secret may ever be seen: in what is told, thrown, printed, or put where others can read it.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { inspect } from "node:util";

import { Auth, createCopilotFetch } from "pi-auth";

import { FAULTS } from "./every-fault.mjs";
import { anthropic, control, DUE, EXPIRED, FRESH, home, needsSandbox, nextGrant, runNode, set } from "./support.mjs";

/** In every secret of these tests. */
const CANARY = "cAnArY";
const canary = (what) => `${CANARY}-${what}-0123456789`;

const login = (left) => ({ type: "oauth", refresh: canary("refresh"), access: canary("access"), expires: Date.now() + left });
const both = (left) => ({ anthropic: login(left), "github-copilot": login(left) });

/** A grant of tokens that are canaries, too. */
const GRANT = {
  status: {
    code: 200,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token_type: "Bearer", access_token: canary("new-access"), refresh_token: canary("new-refresh"), expires_in: 60, id_token: canary("id"), token: canary("copilot"), expires_at: 1, refresh_in: 60 }),
  },
};

function assertTellsNone(what, why) {
  const text = typeof what === "string" ? what : inspect(what, { depth: Infinity, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity });
  assert.ok(!text.includes(CANARY), `${why}: ${text}`);
}

const ENVIRONMENT = { ANTHROPIC_API_KEY: canary("key"), ANTHROPIC_OAUTH_TOKEN: canary("variable"), COPILOT_GITHUB_TOKEN: canary("github") };

/** Runs every job; whatever it tells, throws or gives (but a key) is looked at. `prepare` is done before each, by its name. */
async function assertNoneIsTold(it, why, prepare) {
  const told = [];
  // An address holds a challenge and a state, which are no secrets, and a code is for the person's eyes.
  const tell = (...parts) => void told.push(parts);
  const interaction = {
    show: tell, browserFailed: tell, waiting: tell, countingDown: tell, showCode: tell,
    paste: (page) => (tell(page), `${canary("code")}#${new URL(page.url).searchParams.get("state")}`),
    prompt: (question) => (tell(question), canary("answer")),
  };
  const auth = new Auth({ environment: { ...it.environment, ...ENVIRONMENT }, interaction });
  const sending = await createCopilotFetch(undefined, { environment: it.environment, fetch: async () => new Response() });
  const jobs = {
    status: () => auth.status(),
    token: async () => (await auth.token("anthropic")).notes,
    "token of another": async () => (await auth.token("nobody")).notes,
    "token of Copilot": async () => (await auth.token("github-copilot")).notes,
    headers: async () => (await auth.headers("anthropic", { body: canary("body") })).notes,
    fetch: async () => (await sending("https://api.invalid/", { method: "POST", body: canary("body") })).status,
    "a refused token": async () => (await auth.token("anthropic", { rejected: canary("access") })).notes,
    store: () => auth.storeCredential("nobody", login(FRESH)),
    login: () => auth.login({ provider: "anthropic", noBrowser: true }),
    logout: () => auth.logout({ provider: "anthropic", confirmed: true }),
    "logout of all": () => auth.logout({ all: true, confirmed: true }),
  };
  for (const [name, job] of Object.entries(jobs)) {
    await prepare(name);
    const came = await job().catch((error) => [error, error.message, error.stack, error.advice, JSON.stringify(error)]);
    assertTellsNone(came, `${why}: ${name}`);
  }
  assertTellsNone(told, why);
  assertTellsNone(auth, why);
}

test("no job tells one, whatever is stored", needsSandbox, async () => {
  const it = await home();
  for (const [why, left] of Object.entries({ FRESH, DUE, EXPIRED })) {
    await assertNoneIsTold(it, why, () => it.store(both(left)));
  }
  const [a, r] = [canary("access"), canary("refresh")];
  for (const contents of [
    `{"anthropic":{"type":"oauth","refresh":"${r}","access":"${a}`,
    `"${r}"`,
    `["${r}"]`,
    r,
    `{"anthropic": ${r}}`,
    `{"${r}" "${a}"}`,
    `{"anthropic":{"type":"oauth","refresh":["${r}"],"expires":"${a}"}}`,
    `{"anthropic":{"type":"api_key","key":"!echo ${r}"}}`,
    `{"anthropic":"${r}"}`,
  ]) {
    await assertNoneIsTold(it, contents, () => it.write("oauth.json", contents));
  }
});

test("no job tells one, whatever the provider does", needsSandbox, async (context) => {
  context.after(() => control("DELETE", "faults"));
  const it = await home();
  const repeats = (job) => ({ oauth_error: { error: "invalid_grant", description: `there is no ${canary(job === "login" ? "code" : "refresh")} here` } });
  for (const [name, fault] of [...FAULTS, ["a grant", GRANT], ["repeats what it was sent", repeats]]) {
    await assertNoneIsTold(it, name, async (job) => {
      await control("DELETE", "faults");
      const next = typeof fault === "function" ? fault(job) : fault;
      for (const endpoint of ["faults", "faults/copilot_token"]) await control("POST", endpoint, [next]);
      it.store(both(EXPIRED));
    });
  }
});

test("no process prints one, with every knob that makes programs talk", needsSandbox, async (context) => {
  context.after(() => control("DELETE", "faults"));
  const it = await home();
  const talkative = { ...it.environment, DEBUG: "*", NODE_DEBUG: "*", PI_DEBUG: "1", NODE_OPTIONS: "--trace-warnings", SSH_TTY: "/dev/pts/9" };
  for (const [, fault] of [...FAULTS.filter((_, index) => index % 9 === 0), ["a grant", GRANT]]) {
    it.store(both(EXPIRED));
    await control("DELETE", "faults");
    await control("POST", "faults", [fault, fault]);
    const token = await runNode("token", ["anthropic"], talkative).ended;
    assertTellsNone(token.stderr, "token");
    assert.ok([canary("new-access"), ""].includes(token.stdout.trim()), token.stdout);
    const { child, hear, ended } = runNode("login", ["anthropic"], talkative, { keepInput: true });
    const [, state] = await hear(/[?&]state=([^&\s]+)/);
    child.stdin.write(`${canary("code")}#${state}\n`);
    const { stdout, stderr } = await ended;
    assertTellsNone(stdout + stderr, "login");
  }
});

test("while a token is refreshed, no command line and no file but the credential file holds one", { skip: needsSandbox.skip || (!existsSync("/proc/self/cmdline") && "this system shows no command lines under /proc") }, async (context) => {
  const it = await home();
  const stored = await anthropic(EXPIRED);
  it.store({ anthropic: stored });
  await set(context, { token_delay_ms: 1000 });
  const granted = await nextGrant();
  const { child, ended } = runNode("token", ["anthropic"], it.environment);
  await granted();
  const readable = [`/proc/${child.pid}/cmdline`, ...it.names().filter((name) => name !== "oauth.json" && !name.endsWith(".lock")).map(it.path)];
  assert.equal(readable.length, 2, "the command line, and room for the new file");
  for (const path of readable) assert.doesNotMatch(readFileSync(path, "utf8"), /sk-ant-|[Bb]earer/, path);
  assert.equal((await ended).code, 0);
  assert.ok(!it.read().includes(stored.refresh), "the old token is gone");
  // What is remembered of a refusal, too, stands beside it.
  await control("POST", "faults", [{ status: { code: 503 } }]);
  it.store({ anthropic: login(EXPIRED) });
  await assert.rejects(new Auth(it.options).token("anthropic"), { code: "retry_later" });
  assertTellsNone(readFileSync(it.path("auth.json.backoff"), "utf8"), "the memory of failed refreshes");
});
