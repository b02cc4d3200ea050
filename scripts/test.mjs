// `npm test`: every test that needs no browser. `npm run test:browser`: those that do. More arguments go to vitest.
import { installWhatIsMissing } from "./bootstrap.mjs";
import { conclude, runTests } from "./run-tests.mjs";

installWhatIsMissing();
const [first, ...rest] = process.argv.slice(2);
conclude(
  first === "browser" ? runTests(["browser"], rest) : runTests(["unit", "workers", "system"], process.argv.slice(2)),
);
