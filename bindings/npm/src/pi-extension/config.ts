/** The form that agents before 1.0 take. */
import type { AgentModel, LoginCallbacks, ProviderConfig } from "./agent.js";
import { carrying, modelsFor } from "./models.js";
import { personOf, type Agent } from "./person.js";
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
      login: (callbacks) => subscription.login(personOf(agentOf(callbacks)), callbacks.signal),
      refreshToken: (credential) => subscription.refresh(credential),
      getApiKey: ({ access }) => access,
      ...(isCopilot && {
        modifyModels: (models, credential) => modelsFor(subscription, models, credential),
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

/** How the agent speaks to the person. */
function agentOf(callbacks: LoginCallbacks): Agent {
  // It has one promise of what is pasted beside the page: a second try is a question.
  let pastes = 0;
  return {
    ask: (message) => callbacks.onPrompt({ message, allowEmpty: true }),
    askForCode: (message) => {
      pastes += 1;
      const beside = pastes === 1 ? callbacks.onManualCodeInput?.() : undefined;
      return beside ?? callbacks.onPrompt({ message });
    },
    showPage: ({ url, instructions }) => callbacks.onAuth({ url: quotable(url), instructions }),
    showCode: callbacks.onDeviceCode && ((code) => callbacks.onDeviceCode?.(code)),
    progress: (message) => callbacks.onProgress?.(message),
  };
}

/**
 * An address that means the same and holds nothing that a shell takes for a command: the agent puts what
 * it opens between double quotes of one, and a server's answer may be in it.
 */
function quotable(url: string): string {
  return url.replace(/["'`$!\\^|<>\s]/g, (it) => `%${it.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
