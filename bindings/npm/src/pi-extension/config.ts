/** The form that agents before 1.0 take. */
import { Cancelled, type Interaction } from "../interaction.js";
import type { AgentCredential, AgentModel, LoginCallbacks, ProviderConfig } from "./agent.js";
import type { Subscription } from "./subscription.js";

/** A provider whose logins are `subscription`'s. `modelsOf` tells the models that the agent knows. */
export function configOf(
  subscription: Subscription,
  modelsOf: ((provider: string) => AgentModel[]) | undefined,
): ProviderConfig {
  const isCopilot = subscription.provider === "github-copilot";
  return {
    ...(isCopilot && catalog(subscription, modelsOf?.(subscription.provider) ?? [])),
    oauth: {
      name: subscription.name,
      isSubscription: true,
      // Whether there is one or not, the person may paste: that is what the agent asks here.
      usesCallbackServer: !isCopilot,
      login: (callbacks) => subscription.login(personOf(callbacks), callbacks.signal),
      refreshToken: (credential) => subscription.refresh(credential),
      getApiKey: ({ access }) => access,
      ...(isCopilot && {
        modifyModels: (models, credential) => modified(subscription, models, credential),
      }),
    },
  };
}

/** The models themselves, since the agent adapts to an account only those that come with a provider. */
function catalog(subscription: Subscription, models: AgentModel[]): Partial<ProviderConfig> {
  const [first] = models;
  if (!first) return {};
  return { baseUrl: first.baseUrl, models: models.map(carrying(subscription.headers)) };
}

/** Adds to a model the headers that its requests are to carry. */
export function carrying(headers: Record<string, string>): (model: AgentModel) => AgentModel {
  return (model) => ({ ...model, headers: { ...model.headers, ...headers } });
}

/** The models that this account may use, where they are for it; those of other providers as they are. */
function modified(
  subscription: Subscription,
  models: AgentModel[],
  credential: AgentCredential,
): AgentModel[] {
  const isOurs = ({ provider }: AgentModel): boolean => provider === subscription.provider;
  let baseUrl: string | undefined;
  try {
    baseUrl = subscription.baseUrl(credential);
  } catch {
    // An overrides file that cannot be used: the token goes nowhere, rather than to another server.
    return models.filter((model) => !isOurs(model));
  }
  const available = credential["availableModelIds"];
  const isAvailable = ({ id }: AgentModel): boolean =>
    !Array.isArray(available) || available.includes(id);
  return models
    .filter((model) => !isOurs(model) || isAvailable(model))
    .map((model) => (isOurs(model) && baseUrl ? { ...model, baseUrl } : model));
}

/** The person whom the agent asks. */
function personOf(callbacks: LoginCallbacks): Interaction {
  // The agent has one promise of what is pasted beside the page: a second try is a question.
  let pastes = 0;
  return {
    present: true,
    prompt: ({ message, problem }) => {
      const question = [problem, message].filter(Boolean).join(" ");
      return orCancelled(callbacks.onPrompt({ message: question, allowEmpty: true }));
    },
    show: ({ url, message, problem }) => {
      if (problem === null) callbacks.onAuth({ url: quotable(url), instructions: message });
    },
    paste: ({ prompt, problem }) => {
      pastes += 1;
      const beside = pastes === 1 ? callbacks.onManualCodeInput?.() : undefined;
      const message = [problem, prompt].filter(Boolean).join(" ");
      return orCancelled(beside ?? callbacks.onPrompt({ message }));
    },
    showCode: ({ user_code, verification_uri, url, message, warning, expires_ms }) => {
      if (callbacks.onDeviceCode) {
        const expiresInSeconds = Math.max(0, Math.round((expires_ms - Date.now()) / 1000));
        const code = { userCode: user_code, verificationUri: verification_uri, expiresInSeconds };
        callbacks.onDeviceCode(code);
        // After that: the code takes the place of what was shown before.
        callbacks.onProgress?.(warning);
      } else {
        const instructions = `${message} ${user_code}\n${warning}`;
        callbacks.onAuth({ url: quotable(url), instructions });
      }
    },
    // The agent opens what it shows.
    open: async () => true,
    waiting: (activity) => {
      if (activity !== undefined) callbacks.onProgress?.(activity);
    },
  };
}

/**
 * An address that means the same and holds nothing that a shell takes for a command: the agent puts what
 * it opens between double quotes of one, and a server's answer may be in it.
 */
function quotable(url: string): string {
  return url.replace(/["'`$!\\^|<>\s]/g, (it) => `%${it.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** A question that is rejected was cancelled. */
export async function orCancelled(answer: Promise<string>): Promise<string> {
  try {
    return await answer;
  } catch (error) {
    throw new Cancelled("the person wants to stop", { cause: error });
  }
}
