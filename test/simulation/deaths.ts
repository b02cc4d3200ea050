/** A story played again and again, in which somebody dies at another moment each time. */

/** How it went: how many moments it had, how many died, which laws were broken, and what it came to. */
export type Played = {
  readonly moments: number;
  readonly deaths: number;
  readonly broken: readonly string[];
  readonly end: unknown;
};

/** The story without any death, and what changes about it when somebody dies at any `stride`th moment, from `first` on. */
export async function withDeaths<Story extends Played>(
  play: (dieAt: number | null) => Promise<Story>,
  stride: number,
  first = 1,
): Promise<{ readonly undisturbed: Story; readonly changed: readonly string[] }> {
  // The first world leases order numbers that this isolate goes on to use in the others, so only the second is as long as they are.
  await play(null);
  const undisturbed = await play(null);
  const changed: string[] = [];
  for (let moment = first; moment <= undisturbed.moments; moment += stride) {
    const { moments, deaths, broken, end } = await play(moment);
    // Now and then a world leases order numbers, and so did perhaps the one without a death: others end a moment earlier.
    if (deaths !== 1 && moments >= moment) changed.push(`moment ${moment}: nobody died`);
    changed.push(...broken.map((law) => `moment ${moment}: ${law}`));
    if (JSON.stringify(end) !== JSON.stringify(undisturbed.end))
      changed.push(`moment ${moment}: ${JSON.stringify(end)}`);
  }
  return { undisturbed, changed };
}
