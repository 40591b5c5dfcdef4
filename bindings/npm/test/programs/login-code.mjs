// Fails to log in and prints the code of the error: `node login-code.mjs PROVIDER`.
import { login } from "pi-auth";

await login(process.argv[2]).catch(({ code }) => console.log(code));
