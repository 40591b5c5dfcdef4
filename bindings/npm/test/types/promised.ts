// The interface that agents were promised, as it was written down first. To compile is to pass.
import * as piAuth from "pi-auth";
import type { CustomFetch, CustomFetchOptions, OAuthCredentials, SupportedOAuthProvider } from "pi-auth";

interface Storage {
  loadOAuthCredentials(provider: string): Promise<OAuthCredentials | null>;
  saveOAuthCredentials(provider: string, creds: OAuthCredentials): Promise<void>;
  removeOAuthCredentials(provider: string): Promise<void>;
  listOAuthProviders(): Promise<string[]>;
}
interface Anthropic {
  loginAnthropic(): Promise<void>;
  refreshAnthropicToken(refreshToken: string): Promise<OAuthCredentials>;
}
interface Copilot {
  loginGitHubCopilot(): Promise<void>;
  refreshCopilotToken(githubToken: string): Promise<OAuthCredentials>;
  /** An `async` function there, too, which can but return a promise. */
  createCopilotFetch(getAuth: () => Promise<OAuthCredentials>): Promise<CustomFetch>;
}
interface Both {
  login(provider: SupportedOAuthProvider): Promise<void>;
  logout(provider: SupportedOAuthProvider): Promise<void>;
  refreshToken(provider: SupportedOAuthProvider): Promise<string>;
  getApiKeyForModel(model: { provider: string; id: string }): Promise<string | undefined>;
}

export const all: Storage & Anthropic & Copilot & Both = piAuth;

/** Whether two types are one and the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

export const shapes: [
  Same<SupportedOAuthProvider, "anthropic" | "github-copilot">,
  Same<CustomFetchOptions, { provider: string; url: string; init: RequestInit }>,
  Same<CustomFetch, (options: CustomFetchOptions) => Promise<Response>>,
] = [true, true, true];

// What was stored by hand, and what is read field by field.
export const stored: OAuthCredentials = { type: "oauth", refresh: "r", access: "a", expires: 1734567890000 };
export const read = ({ type, refresh, access, expires }: OAuthCredentials): [string, string, string, number] => [
  type,
  refresh,
  access,
  expires,
];
