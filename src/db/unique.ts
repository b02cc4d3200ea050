/** Tells a broken uniqueness, which a caller expects, from every other fault. */

/** Answers false when the statements ran into the unique index on `table.column`; other errors are thrown on. */
export async function unlessTaken(column: string, write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (fault) {
    if (
      fault instanceof Error &&
      fault.message.includes("UNIQUE constraint failed: ") &&
      fault.message.includes(column)
    )
      return false;
    throw fault;
  }
}
