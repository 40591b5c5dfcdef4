// The extension, seen by an agent that is played: what it registers, and how it speaks to a person.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";

import piAuth from "pi-auth/pi-extension";

import { anthropic, codeOf, control, copilot, EXPIRED, FRESH, home, isValid, letIn, needsSandbox, nextGrant, serve, set, settings, SANDBOX } from "./support.mjs";

const COPILOT = { id: "gpt-4.1", provider: "github-copilot", baseUrl: "https://api.individual.githubcopilot.com", headers: { "Editor-Version": "old/1", "X-Own": "1" } };

/** The agent before 1.0: what is registered, by name. */
async function older() {
  const registered = {};
  const pi = { registerProvider: (name, config) => (registered[name] = config) };
  await piAuth(pi, async (name) => {
    if (name !== "@mariozechner/pi-ai") throw new Error("not found");
    return { getModels: () => [COPILOT] };
  });
  return registered;
}

/** The agent of today. */
async function today() {
  const registered = {};
  const pi = { registerProvider: (provider) => (registered[provider.id] = provider) };
  const builtin = (id) => ({ id, name: id, auth: { apiKey: {}, oauth: { name: "theirs", isSubscription: true } }, getModels: () => [COPILOT], stream: () => id });
  await piAuth(pi, async (name) => {
    if (name !== "@earendil-works/pi-ai/providers/all") throw new Error("not found");
    return { builtinProviders: () => ["anthropic", "github-copilot", "other"].map(builtin) };
  });
  return registered;
}

/** Runs a test in which this process's variables are those of a home of its own. */
async function inHome(act) {
  const it = await home();
  const before = process.env;
  process.env = { ...it.environment };
  try {
    await act(it);
  } finally {
    process.env = before;
  }
}

test("an older agent is given configurations, and its models carry the core's headers", () =>
  inHome(async () => {
    const { anthropic, "github-copilot": github, ...others } = await older();
    assert.deepEqual([others, Object.keys(anthropic)], [{}, ["oauth"]]);
    assert.equal(github.baseUrl, COPILOT.baseUrl);
    const [{ headers }] = github.models;
    assert.equal(headers["X-Own"], "1");
    assert.notEqual(headers["Editor-Version"], "old/1");
    // These the agent decides for each request.
    assert.deepEqual(Object.keys(headers).filter((name) => /authorization|x-initiator|vision/i.test(name)), []);
  }));

test("an agent of today is given its own providers with other logins", () =>
  inHome(async () => {
    const { anthropic, "github-copilot": github, ...others } = await today();
    assert.deepEqual(others, {});
    assert.deepEqual([anthropic.stream(), anthropic.auth.apiKey, anthropic.auth.oauth.name], ["anthropic", {}, "theirs"]);
    assert.deepEqual(anthropic.getModels(), [COPILOT]);
    assert.notEqual(github.getModels()[0].headers["Editor-Version"], "old/1");
    assert.equal("getAllModels" in github, false);
  }));

test("an agent that has neither is given what it can do with", () =>
  inHome(async () => {
    const registered = {};
    await piAuth({ registerProvider: (name, config) => (registered[name] = config) }, async () => {
      throw new Error("not found");
    });
    assert.deepEqual(Object.keys(registered), ["anthropic", "github-copilot"]);
    assert.equal(registered["github-copilot"].models, undefined);
  }));

test("an overrides file that is not there keeps no agent from starting, and sends no token anywhere", needsSandbox, () =>
  inHome(async (it) => {
    process.env.PI_AUTH_PROVIDERS = `${it.root}/mistyped.json`;
    const credential = { ...(await copilot(EXPIRED)), type: "oauth" };
    const { "github-copilot": github } = await older();
    const foreign = { ...COPILOT, provider: "openai" };
    assert.deepEqual(github.oauth.modifyModels([COPILOT, foreign], credential), [foreign]);
    await assert.rejects(github.oauth.refreshToken(credential), /mistyped\.json/);
    await assert.rejects((await today())["github-copilot"].auth.oauth.toAuth(credential), /mistyped\.json/);
  }));

test("a login whose exchange has to wait still offers its models, at their place", needsSandbox, () =>
  inHome(async () => {
    const { "github-copilot": older_ } = await older();
    const { "github-copilot": today_ } = await today();
    for (const access of ["", undefined]) {
      const credential = { type: "oauth", refresh: "ghu_waiting", access, expires: 0 };
      const [model] = older_.oauth.modifyModels([COPILOT], credential);
      assert.ok(model?.baseUrl.startsWith(SANDBOX), model?.baseUrl);
      const { apiKey, baseUrl } = await today_.auth.oauth.toAuth(credential);
      assert.deepEqual([apiKey, baseUrl], [access, model.baseUrl]);
    }
  }));

test("where the access token cannot be used the agent gets the new refresh token, and a login that is due", needsSandbox, (context) =>
  inHome(async () => {
    context.after(() => control("DELETE", "faults"));
    const old = await anthropic(FRESH);
    const body = '{"access_token":"$access_token","refresh_token":"$refresh_token","token_type":"mac"}';
    await control("POST", "faults", [{ odd_answer: { body } }]);
    const { oauth } = (await older()).anthropic;
    const next = await oauth.refreshToken(old);
    assert.ok(await isValid({ refresh: next.refresh }));
    assert.deepEqual([next.access, next.refresh === old.refresh, next.expires > Date.now()], [old.access, false, false]);
  }));

test("when the agent says so it is refreshed, whatever the credential says of its end", needsSandbox, () =>
  inHome(async () => {
    const { "github-copilot": github } = await older();
    const fresh = Date.now() + FRESH;
    for (const expires of [fresh, fresh + 0.5, 2 ** 60, 1e400, Number.NaN, String(fresh), "soon", null, undefined, -1]) {
      const { access, refresh } = await copilot(FRESH);
      const next = await github.oauth.refreshToken({ access, refresh, expires });
      assert.notEqual(next.access, access, String(expires));
      assert.ok(Number.isSafeInteger(next.expires), String(next.expires));
    }
  }));

for (const [title, refreshOf] of [
  ["an older agent", async () => (await older()).anthropic.oauth.refreshToken],
  ["an agent of today", async () => (await today()).anthropic.auth.oauth.refresh],
]) {
  test(`${title} that gives up during a refresh still gets the answer`, needsSandbox, (context) =>
    inHome(async () => {
      const credential = await anthropic(EXPIRED);
      const refresh = await refreshOf();
      const granted = await nextGrant();
      // The agent gives up after 15 s. By then the provider may have replaced the refresh token.
      await set(context, { token_delay_ms: 25_000 });
      const patience = new AbortController();
      const refreshed = refresh(credential, patience.signal);
      await granted();
      patience.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
      await settings({ token_delay_ms: 0 });
      const next = await refreshed;
      assert.notEqual(next.refresh, credential.refresh);
      assert.ok(await isValid({ refresh: next.refresh }));
    }));
}

test("what an older agent opens in a shell holds no command, whatever the server says", needsSandbox, (context) =>
  inHome(async (it) => {
    const address = 'https://github.com/login/device?a="$(touch x)`touch y`"';
    const { url } = await serve(context, (request, response) => {
      response.setHeader("content-type", "application/json");
      const page = address.replaceAll(" ", "+");
      response.end(JSON.stringify({ device_code: "d", user_code: "ABCD-EFGH", verification_uri: page, expires_in: 900, interval: 5 }));
    });
    writeFileSync(it.overrides, JSON.stringify({ "github-copilot": { device_authorization_url: url, token_url: url, copilot_token_url: url } }));
    const { "github-copilot": github } = await older();
    const stop = new AbortController();
    const shown = [];
    const onAuth = (page) => {
      shown.push(page);
      stop.abort();
    };
    const login = github.oauth.login({ onAuth, onPrompt: async () => "", signal: stop.signal });
    await assert.rejects(login, { message: "Login cancelled" });
    assert.equal(shown.length, 1);
    assert.doesNotMatch(shown[0].url, /["'`$\\]/);
    assert.equal(decodeURIComponent(shown[0].url), address.replaceAll(" ", "+"));
    assert.match(shown[0].instructions, /ABCD-EFGH\n.*[Nn]ever/);
  }));

for (const [title, login] of [
  ["an older agent", async (person) => (await older()).anthropic.oauth.login({ onAuth: person.show, onPrompt: person.ask, onManualCodeInput: person.ask })],
  [
    "an agent of today",
    async (person) => {
      const notify = (event) => event.type === "auth_url" && person.show(event);
      return (await today()).anthropic.auth.oauth.login({ notify, prompt: person.ask, signal: new AbortController().signal });
    },
  ],
]) {
  test(`${title}: a code that is pasted becomes a credential, which is the agent's to store`, needsSandbox, () =>
    inHome(async (it) => {
      let page;
      const asked = [];
      const person = {
        show: ({ url }) => (page = url),
        ask: async (question) => {
          asked.push(question);
          return asked.length === 1 ? "code#of-another-login" : codeOf(page);
        },
      };
      const credential = await login(person);
      assert.deepEqual(Object.keys(credential).sort(), ["access", "expires", "refresh", "type"]);
      assert.ok(await isValid({ access: credential.access }));
      assert.equal(asked.length, 2);
      assert.throws(it.names, { code: "ENOENT" });
    }));

  test(`${title}: whoever cancels is told that the login was cancelled, in the agent's words`, needsSandbox, () =>
    inHome(async () => {
      const person = { show: () => {}, ask: async () => Promise.reject(new Error("Login cancelled")) };
      await assert.rejects(login(person), { message: "Login cancelled" });
    }));
}

test("Copilot by a code with an agent of today: the code, then what never to do, and where requests go", needsSandbox, () =>
  inHome(async () => {
    await settings({ github: { interval_s: 1 } });
    const events = [];
    const notify = (event) => {
      events.push(event);
      if (event.type === "device_code") void letIn({ verification_uri: event.verificationUri, user_code: event.userCode });
    };
    const { auth } = (await today())["github-copilot"];
    const credential = await auth.oauth.login({ notify, prompt: async () => "", signal: new AbortController().signal });
    assert.deepEqual(events.slice(0, 2).map(({ type }) => type), ["device_code", "progress"]);
    assert.ok(Array.isArray(credential.availableModelIds));
    const { apiKey, baseUrl, ...rest } = await auth.oauth.toAuth({ ...credential, expires: 0 });
    assert.deepEqual([apiKey, rest], [credential.access, {}]);
    assert.ok(baseUrl.startsWith(SANDBOX));
    const next = await auth.oauth.refresh({ ...credential, own: "kept" });
    assert.notEqual(next.access, credential.access);
    assert.deepEqual([next.own, next.availableModelIds], ["kept", credential.availableModelIds]);
  }));

test("a login whose notes cannot be shown is one all the same", needsSandbox, (context) =>
  inHome(async () => {
    context.after(() => control("DELETE", "faults"));
    await settings({ github: { interval_s: 1 } });
    await control("POST", "faults/copilot_token", Array(3).fill({ status: { code: 503 } }));
    const said = [];
    const notify = (event) => {
      if (event.type === "device_code") void letIn({ verification_uri: event.verificationUri, user_code: event.userCode });
      if (event.type === "progress" && said.push(event.message) > 1) throw new Error("no screen");
    };
    const { auth } = (await today())["github-copilot"];
    const credential = await auth.oauth.login({ notify, prompt: async () => "", signal: new AbortController().signal });
    assert.ok(await isValid({ github: { domain: "github.com", token: credential.refresh } }));
    // The warning, and that there is no token yet.
    assert.ok(said.length > 1);
    assert.equal(credential.access, "");
  }));
