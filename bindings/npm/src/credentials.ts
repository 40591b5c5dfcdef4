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

/** The login of `provider` in the text of a file; `null` where there is none. */
export function credentialsIn(
  contents: string | null,
  provider: string,
): OAuthCredentials | null {
  const document = parsed(contents);
  const entry = document && Object.hasOwn(document, provider) ? document[provider] : undefined;
  return isLogin(entry) ? entry : null;
}

type Document = Record<string, unknown>;

/** `undefined` for what is no document. */
function parsed(contents: string | null): Document | undefined {
  if (contents === null) return {};
  try {
    const document: unknown = JSON.parse(contents);
    const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
    return isObject ? (document as Document) : undefined;
  } catch {
    return undefined;
  }
}

function isLogin(entry: unknown): entry is OAuthCredentials {
  return (entry as Partial<OAuthCredentials> | null | undefined)?.type === "oauth";
}
