// One server in a process of its own: `node server.mjs product|ceilings STATE`. Tells its address over IPC, and ends with whoever started it.
import { serve } from "../scripts/serve.mjs";
import { serveCeilings } from "./ceilings.mjs";

const [kind, state = "", vars = "{}"] = process.argv.slice(2);
const options = { state, vars: JSON.parse(vars) };
const server = await (kind === "product" ? serve(options) : serveCeilings(options));

for (const signal of ["SIGINT", "SIGTERM", "disconnect"]) process.on(signal, () => void end());
process.send?.({ url: server.url, vars: server.vars });

async function end() {
  await server.stop();
  process.exit(0);
}
