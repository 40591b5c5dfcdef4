/** The agent, as far as it is used here. Its own types would tie this package to one version of it. */

/** A login as the agent keeps it, fields of others included. */
export interface AgentCredential {
  refresh: string;
  access: string;
  expires: number;
  [name: string]: unknown;
}

/** A model that the agent offers. */
export interface AgentModel {
  id: string;
  provider: string;
  baseUrl: string;
  headers?: Record<string, string>;
}

/** What an extension is given. */
export interface Pi {
  registerProvider(provider: NativeProvider): void;
  registerProvider(name: string, config: ProviderConfig): void;
}

/** A provider as agents before 1.0 take it. */
export interface ProviderConfig {
  baseUrl?: string;
  models?: AgentModel[];
  oauth: {
    name: string;
    isSubscription: boolean;
    usesCallbackServer: boolean;
    login(callbacks: LoginCallbacks): Promise<AgentCredential>;
    refreshToken(credential: AgentCredential, signal?: AbortSignal): Promise<AgentCredential>;
    getApiKey(credential: AgentCredential): string;
    modifyModels?(models: AgentModel[], credential: AgentCredential): AgentModel[];
  };
}

/** The person, as such a provider sees them. A question that is cancelled is rejected. */
export interface LoginCallbacks {
  onAuth(page: { url: string; instructions?: string }): void;
  onPrompt(question: { message: string; allowEmpty?: boolean }): Promise<string>;
  onDeviceCode?(code: {
    userCode: string;
    verificationUri: string;
    expiresInSeconds?: number;
  }): void;
  /** What the person pastes beside the page that {@link onAuth} has shown. */
  onManualCodeInput?(): Promise<string>;
  onProgress?(message: string): void;
  signal?: AbortSignal;
}

/** A provider as agents since 1.0 take it: all of it, of which only this much is looked into. */
export interface NativeProvider {
  id: string;
  auth: { oauth?: Partial<NativeOAuth> };
  getModels(): AgentModel[];
  /** Also those that are not for chatting. */
  getAllModels?(): AgentModel[];
}

/** The part of such a provider that this package takes over. */
export interface NativeOAuth {
  name: string;
  login(interaction: NativeInteraction): Promise<StoredCredential>;
  /** Runs under the agent's lock; the `signal` of agent 1.6.0 fires after 15 s. */
  refresh(credential: StoredCredential, signal?: AbortSignal): Promise<StoredCredential>;
  toAuth(credential: StoredCredential): Promise<{
    apiKey: string;
    baseUrl?: string;
  }>;
}

export type StoredCredential = AgentCredential & { type: "oauth" };

/** The person, as such a provider sees them. */
export interface NativeInteraction {
  prompt(question: {
    type: "text" | "manual_code";
    message: string;
    signal?: AbortSignal;
  }): Promise<string>;
  notify(
    event:
      | { type: "auth_url"; url: string; instructions?: string }
      | {
          type: "device_code";
          userCode: string;
          verificationUri: string;
          openBrowserOnConfirm?: boolean;
          expiresInSeconds?: number;
        }
      | { type: "progress"; message: string },
  ): void;
  signal?: AbortSignal;
}
