/** The person, whom the agent asks and tells: what both of its forms have in common. */
import { Cancelled, type Interaction } from "../interaction.js";

/** What an agent shows and asks, each in its own form. A question that is cancelled is rejected. */
export interface Agent {
  /** Asks for a line of text, which may be empty. */
  ask(question: string, signal: AbortSignal): Promise<string>;
  /** Asks for what the person pastes. */
  askForCode(question: string, signal: AbortSignal): Promise<string>;
  showPage(page: { url: string; instructions: string }): void;
  /** `undefined` for one that can only show a page. */
  showCode: ((code: Code, openBrowser: boolean) => void) | undefined;
  progress(message: string): void;
}

/** A code to be entered, as agents call it. */
export interface Code {
  userCode: string;
  verificationUri: string;
  expiresInSeconds: number;
}

/** The person whom `agent` asks. */
export function personOf(agent: Agent): Interaction {
  return {
    present: true,
    prompt: ({ message, problem }, signal) =>
      orCancelled(agent.ask(joined(problem, message), signal)),
    show: ({ url, message, problem }) => {
      if (problem === null) agent.showPage({ url, instructions: message });
    },
    paste: ({ prompt, problem }, signal) =>
      orCancelled(agent.askForCode(joined(problem, prompt), signal)),
    showCode: ({ user_code, verification_uri, url, open_browser, message, warning, expires_ms }) => {
      if (!agent.showCode) {
        return agent.showPage({ url, instructions: `${message} ${user_code}\n${warning}` });
      }
      const expiresInSeconds = Math.max(0, Math.round((expires_ms - Date.now()) / 1000));
      const code = { userCode: user_code, verificationUri: verification_uri, expiresInSeconds };
      agent.showCode(code, open_browser);
      // After that: the code takes the place of what was shown before.
      agent.progress(warning);
    },
    // The agent opens what it shows.
    open: async () => true,
    waiting: (activity) => {
      if (activity !== undefined) agent.progress(activity);
    },
  };
}

/** Why the last answer was not taken, if so, and the question. */
function joined(problem: string | null | undefined, question: string): string {
  return [problem, question].filter(Boolean).join(" ");
}

/** A question that is rejected was cancelled. */
async function orCancelled(answer: Promise<string>): Promise<string> {
  try {
    return await answer;
  } catch (error) {
    throw new Cancelled("the person wants to stop", { cause: error });
  }
}
