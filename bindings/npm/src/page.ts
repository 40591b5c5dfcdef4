/** The pages that a browser sees when it comes back. None of them repeats what the browser sent. */

/** What a browser is told. */
export type Page =
  | { kind: "logged_in"; provider: string }
  | { kind: "failed" | "ignored" | "over" | "wrong_host" | "not_found" | "wrong_method" };

const STATUS: Record<Page["kind"], number> = {
  logged_in: 200,
  failed: 400,
  ignored: 400,
  over: 410,
  wrong_host: 421,
  not_found: 404,
  wrong_method: 405,
};

const STYLE =
  ":root{color-scheme:light dark}" +
  "body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.1rem/1.5 system-ui,sans-serif}" +
  "main{max-width:32rem;padding:2rem}h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem}p{margin:0;opacity:.8}";

export function statusOf(page: Page): number {
  return STATUS[page.kind];
}

export function htmlOf(page: Page): string {
  const [title, text] = words(page);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}</style>
<main>
<h1>${title}</h1>
<p>${text}</p>
</main>
</html>
`;
}

function words(page: Page): [title: string, text: string] {
  switch (page.kind) {
    case "logged_in":
      return [
        `You are logged in to ${escape(page.provider)}`,
        "You can close this page and go back to your terminal.",
      ];
    case "failed":
      return [
        "The login did not work",
        "Your terminal says why, and what to do next. You can close this page.",
      ];
    case "ignored":
      return [
        "This page belongs to another login",
        "It was ignored. Use the page that your terminal opened last.",
      ];
    case "over":
      return ["This login is over", "You can close this page."];
    default:
      return ["There is nothing here", "This is the callback of a login."];
  }
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
