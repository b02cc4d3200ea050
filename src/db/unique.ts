/** Tells a broken uniqueness, which a caller expects, from every other fault. */

/** Answers false when the statements ran into the unique index on `table.column`; other errors are thrown on. */
export async function unlessTaken(column: string, write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (fault) {
    if (messagesOf(fault).some((message) => message.includes(`UNIQUE constraint failed: `) && message.includes(column)))
      return false;
    throw fault;
  }
}

/** Drizzle wraps what D1 threw, and D1 what SQLite said. */
function messagesOf(fault: unknown): readonly string[] {
  return fault instanceof Error ? [fault.message, ...messagesOf(fault.cause)] : [];
}
