import type { PinnedBlock } from "../core/definition.ts";

/** What every merchant starts with: the payer is a customer, tagged as one, and sees a receipt. */
export const defaultBlock: PinnedBlock = {
  id: null,
  version: 1,
  definition: {
    actions: [{ key: "tag", kind: "TAG_ADD", tags: ["paid"], onRefund: "KEEP" }],
    targets: [{ kind: "RECEIPT" }],
  },
};
