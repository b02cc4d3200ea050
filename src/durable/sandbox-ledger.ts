/** The pretend wallet's own books, and all SQL of its object. Rows hold JSON; only what is searched for has a column. */
import type { Minor } from "../core/money.ts";
import type { SandboxPayment, SucceededPayment } from "./sandbox-payment.ts";

export type SandboxRefund = { readonly refund: string; readonly amount: Minor };

/** A notification still to be sent, `copies` times. `dueAt` is put off before each sending, so that a crash only delays it. */
export type OutgoingNotification = {
  readonly id: string;
  readonly account: string;
  readonly url: string;
  /** The product's own address, reached without leaving the deployment. */
  readonly own: boolean;
  readonly body: string;
  readonly copies: number;
  /** How far the clock that signs it is off. */
  readonly skewMs: number;
  readonly attempts: number;
  readonly dueAt: number;
};

/** Books that were kept when a payment had one transaction at most say so. */
type KeptPayment = Omit<SandboxPayment, "takings" | "chaos"> &
  Partial<SandboxPayment> & { readonly succeeded?: SucceededPayment | null };

function readPayment(document: string): SandboxPayment {
  const { succeeded, ...kept } = JSON.parse(document) as KeptPayment;
  const takings = succeeded ? [{ notice: succeeded, takenAt: 0, acknowledgedAt: null }] : [];
  return { chaos: null, takings, ...kept };
}

export function sandboxLedger(sql: SqlStorage) {
  sql.exec("CREATE TABLE IF NOT EXISTS payments (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT, WITHOUT ROWID");
  sql.exec(
    "CREATE TABLE IF NOT EXISTS refunds (transaction_number TEXT NOT NULL, id TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (transaction_number, id)) STRICT, WITHOUT ROWID",
  );
  sql.exec(
    "CREATE TABLE IF NOT EXISTS notifications (id TEXT PRIMARY KEY, due_at INTEGER NOT NULL, document TEXT NOT NULL) STRICT, WITHOUT ROWID",
  );

  return {
    payment(id: string): SandboxPayment | null {
      const [row] = sql.exec<{ document: string }>("SELECT document FROM payments WHERE id = ?", id).toArray();
      return row ? readPayment(row.document) : null;
    },

    /** In the order of their ids, those after `after`. */
    paymentsAfter(after: string, max: number): readonly SandboxPayment[] {
      return sql
        .exec<{ document: string }>("SELECT document FROM payments WHERE id > ? ORDER BY id LIMIT ?", after, max)
        .toArray()
        .map(({ document }) => readPayment(document));
    },

    savePayment(payment: SandboxPayment): void {
      sql.exec(
        "INSERT INTO payments (id, document) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
        payment.id,
        JSON.stringify(payment),
      );
    },

    isRefunded(transaction: string, id: string): boolean {
      return (
        sql.exec("SELECT 1 FROM refunds WHERE transaction_number = ? AND id = ?", transaction, id).toArray().length > 0
      );
    },

    refundedOf(transaction: string): Minor {
      return sql
        .exec<{ sum: number }>(
          "SELECT coalesce(sum(amount), 0) AS sum FROM refunds WHERE transaction_number = ?",
          transaction,
        )
        .one().sum;
    },

    refundsOf(transaction: string): readonly SandboxRefund[] {
      return sql
        .exec<SandboxRefund>("SELECT id AS refund, amount FROM refunds WHERE transaction_number = ?", transaction)
        .toArray();
    },

    saveRefund(transaction: string, id: string, amount: Minor): void {
      sql.exec("INSERT INTO refunds (transaction_number, id, amount) VALUES (?, ?, ?)", transaction, id, amount);
    },

    saveNotification(notification: OutgoingNotification): void {
      sql.exec(
        "INSERT INTO notifications (id, due_at, document) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, document = excluded.document",
        notification.id,
        notification.dueAt,
        JSON.stringify(notification),
      );
    },

    forgetNotification(id: string): void {
      sql.exec("DELETE FROM notifications WHERE id = ?", id);
    },

    dueNotifications(now: number, max: number): readonly OutgoingNotification[] {
      return sql
        .exec<{ document: string }>(
          "SELECT document FROM notifications WHERE due_at <= ? ORDER BY due_at LIMIT ?",
          now,
          max,
        )
        .toArray()
        .map(({ document }) => JSON.parse(document) as OutgoingNotification);
    },

    /** Null when nothing is left to send. */
    nextDueAt(): number | null {
      return sql.exec<{ at: number | null }>("SELECT min(due_at) AS at FROM notifications").one().at;
    },
  };
}
export type SandboxLedger = ReturnType<typeof sandboxLedger>;
