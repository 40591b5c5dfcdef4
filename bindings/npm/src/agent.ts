/** What an agent asks for, by plain functions over the credential file of this process's user. */
import { Auth, type AuthOptions, type LoginOptions, type TokenOptions } from "./auth.js";
import { documentOf, type OAuthCredentials } from "./credentials.js";
import { AuthError } from "./error.js";
import { inMemory, refreshedIn } from "./in-memory.js";
import { Memory } from "./store/memory.js";

export type SupportedOAuthProvider = "anthropic" | "github-copilot";

/** The stored login of `provider`, as it is; `null` where there is none. */
export async function loadOAuthCredentials(
  provider: string,
  options: AuthOptions = {},
): Promise<OAuthCredentials | null> {
  return new Auth(options).credential(provider);
}

/** Stores a login in place of an older one of `provider`. */
export async function saveOAuthCredentials(
  provider: string,
  creds: OAuthCredentials,
  options: AuthOptions = {},
): Promise<void> {
  await new Auth(options).storeCredential(provider, creds);
}

/** Takes the stored login of `provider` out. */
export async function removeOAuthCredentials(
  provider: string,
  options: AuthOptions = {},
): Promise<void> {
  await new Auth(options).logout({ provider, confirmed: true });
}

/** The providers that somebody is logged in to. */
export async function listOAuthProviders(options: AuthOptions = {}): Promise<string[]> {
  const { keys } = await new Auth(options).status();
  const isLogin = (key: (typeof keys)[number]): boolean =>
    key.source === "stored" && key.kind === "oauth";
  return keys.filter(isLogin).map((key) => key.provider.id);
}

/** Logs in to Claude Pro/Max and stores the login. */
export async function loginAnthropic(options?: LoginOptions & AuthOptions): Promise<void> {
  await login("anthropic", options);
}

/** New credentials for a refresh token, which are stored nowhere: the old token may be spent by it. */
export async function refreshAnthropicToken(
  refreshToken: string,
  options: AuthOptions = {},
): Promise<OAuthCredentials> {
  return refreshed("anthropic", { type: "oauth", refresh: refreshToken, access: "", expires: 0 }, options);
}

/** Logs in to GitHub Copilot by a code and stores the login. */
export async function loginGitHubCopilot(options?: LoginOptions & AuthOptions): Promise<void> {
  await login("github-copilot", options);
}

/** A Copilot token for a GitHub token; it is stored nowhere. */
export async function refreshCopilotToken(
  githubToken: string,
  options: AuthOptions & { enterpriseUrl?: string } = {},
): Promise<OAuthCredentials> {
  const { enterpriseUrl } = options;
  const enterprise = enterpriseUrl === undefined ? {} : { enterpriseUrl };
  const old = { type: "oauth" as const, refresh: githubToken, access: "", expires: 0 };
  return refreshed("github-copilot", { ...old, ...enterprise }, options);
}

/** Logs in to `provider` and stores the login. */
export async function login(
  provider: SupportedOAuthProvider,
  options: Omit<LoginOptions, "provider"> & AuthOptions = {},
): Promise<void> {
  await new Auth(options).login({ ...options, provider });
}

/** Ends the stored login of `provider`. */
export async function logout(
  provider: SupportedOAuthProvider,
  options: AuthOptions = {},
): Promise<void> {
  await removeOAuthCredentials(provider, options);
}

/**
 * An access token of the stored login that is valid for five more minutes at least. It is refreshed
 * when it has to be, once for any number of processes; with `rejected`, also when it is that very
 * token, which a server did not take.
 */
export async function refreshToken(
  provider: SupportedOAuthProvider,
  options: TokenOptions & AuthOptions = {},
): Promise<string> {
  const { key } = await new Auth(options).token(provider, options);
  return key.value;
}

/**
 * The key for a model's provider: the stored login, refreshed if need be, or what a variable holds;
 * `undefined` where there is none. A login that cannot be refreshed is an error: to go on with a key
 * that costs money is the person's decision.
 */
export async function getApiKeyForModel(
  model: { provider: string },
  options: TokenOptions & AuthOptions = {},
): Promise<string | undefined> {
  const auth = new Auth(options);
  try {
    return (await auth.token(model.provider, options)).key.value;
  } catch (error) {
    const isMissing =
      error instanceof AuthError && ["login_required", "bad_input"].includes(error.code);
    if (!isMissing) throw error;
    const { keys } = await auth.status();
    const hasOne = keys.some((key) => key.provider.id === model.provider && key.active);
    if (hasOne) throw error;
    return undefined;
  }
}

/** A refresh of credentials that are in no file. */
async function refreshed(
  provider: SupportedOAuthProvider,
  old: OAuthCredentials,
  options: AuthOptions,
): Promise<OAuthCredentials> {
  const memory = new Memory(documentOf(provider, old));
  return refreshedIn(memory, provider, inMemory(memory, options).token(provider));
}
