// A process of its own that saves a login of this access token each time that it is given one, as a line: it
// answers `saved`, or with the code of the error.
import { createInterface } from "node:readline";

import { saveOAuthCredentials } from "pi-auth";

const save = (access) =>
  saveOAuthCredentials("anthropic", { type: "oauth", refresh: "refresh", access, expires: 1 }).then(
    () => "saved",
    ({ code, message }) => code ?? message,
  );
const say = (text) => process.stdout.write(`${text}\n`);

// The first one loads what is loaded when it is needed.
say(await save("old"));
for await (const access of createInterface({ input: process.stdin })) say(await save(access));
