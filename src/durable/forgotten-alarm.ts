/**
 * The platform gives an alarm up for good after seven faults in a row. An object that is found with work pending and no alarm must have one
 * again: whoever touches it first sees to it.
 */
export async function rearmForgotten(storage: DurableObjectStorage, wakeAt: () => number | null): Promise<void> {
  try {
    if ((await storage.getAlarm()) !== null) return;
    const at = wakeAt();
    if (at !== null) await storage.setAlarm(at);
  } catch (fault) {
    console.error("an alarm that may be forgotten", fault);
  }
}
