/** Credentials as programs pass them around, and as the file has them. */

/** A login as the credential file has it. */
export interface OAuthCredentials {
  type: "oauth";
  /** The refresh token; of GitHub Copilot, the GitHub token. */
  refresh: string;
  /** The access token. */
  access: string;
  /** Epoch milliseconds, five minutes before the access token really expires. */
  expires: number;
  /** The domain of the GitHub Enterprise that it is for. */
  enterpriseUrl?: string;
}

/** The text of a file that holds this login alone. */
export function documentOf(provider: string, credentials: OAuthCredentials): string {
  return JSON.stringify({ [provider]: credentials });
}

/** The login of `provider` in such a text, or in what the core made of it; `null` where there is none. */
export function credentialsIn(
  contents: string | null,
  provider: string,
): OAuthCredentials | null {
  if (contents === null) return null;
  return (JSON.parse(contents) as Record<string, OAuthCredentials>)[provider] ?? null;
}
