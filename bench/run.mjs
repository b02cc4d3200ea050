// `npm run bench`. Needs nothing but Node 20: installs what is missing, then hands over to the bundled Node.
import { becomeBundledNode, installWhatIsMissing } from "../scripts/bootstrap.mjs";

installWhatIsMissing();
const args = process.argv.slice(2);
becomeBundledNode(args.includes("--webhooks") ? "bench/webhooks.mjs" : "bench/bench.mjs", args);
