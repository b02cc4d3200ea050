// `npm run bench`. Needs nothing but Node 20: installs what is missing, then hands over to the bundled Node.
import { becomeBundledNode, installWhatIsMissing } from "../scripts/bootstrap.mjs";

installWhatIsMissing();
becomeBundledNode("bench/bench.mjs", process.argv.slice(2));
