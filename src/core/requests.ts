/** Requests for money that an order remembers with what came of them, so that the same one never does its work twice. */

export type Request = {
  /** One call of ours. A fault of the platform does not tell whether it arrived, so it may be made again. */
  readonly call: string;
  /** The caller's own name for the request, hashed; null when it gave none. */
  readonly key: string | null;
  /** What was asked, hashed; empty once whom it named is forgotten. */
  readonly input: string;
};

/** What was made on request; of other origin where there is none. */
type Made = { readonly request?: Request | null };

/** SAME: it was heard before. OTHER: its key was, with another input. */
export function recall(request: Request | undefined, all: readonly Made[]): "NEW" | "SAME" | "OTHER" {
  const earlier = request && madeOn(request, all);
  if (!earlier) return "NEW";
  const { call, input } = earlier.request ?? {};
  return call === request.call || input === request.input || input === "" ? "SAME" : "OTHER";
}

/** The last of what came of the request, whichever call brought it. */
export const madeOn = <One extends Made>({ call, key }: Request, all: readonly One[]): One | undefined =>
  all.findLast(({ request }) => request?.call === call || (key !== null && request?.key === key));
