/**
 * The one writer of a database's read model, named by the database's binding. Live codes bring their rows and wait; rows of many go into D1
 * together, because D1 runs one transaction at a time and a hundred rows in one cost hardly more than one. It keeps nothing: when it is lost,
 * the callers' calls fail, and their own marks make them come again.
 */
import { DurableObject } from "cloudflare:workers";
import { limits } from "../core/limits.ts";
import type { FeedEvent } from "../core/events.ts";
import { databaseNamed } from "../db/database.ts";
import { logSubject } from "../db/event-log.ts";
import { GroupCommit } from "../db/group-commit.ts";
import { project, type Projection, type ProjectionAnswer } from "../db/projection.ts";
import type { ProjectorProtocol } from "./protocol.ts";
import { within } from "./within.ts";

export class Projector extends DurableObject<Env> implements ProjectorProtocol {
  private readonly groups = new GroupCommit<Projection, ProjectionAnswer>(
    (projections) => within(limits.groupTimeoutMs, project(this.database(), projections)),
    limits.projectionBatchMax,
    limits.groupWaitingMax,
  );

  /** Answers in the order of the rows. Rejects when D1 did not take one of them; the others may have been taken. */
  async project(rows: readonly Projection[]): Promise<readonly ProjectionAnswer[]> {
    return Promise.all(rows.map((row) => this.groups.add(row)));
  }

  /** Rare, so it goes alone. */
  async log(merchantId: string, events: readonly FeedEvent[]): Promise<void> {
    await within(limits.groupTimeoutMs, logSubject(this.database(), merchantId, events));
  }

  private database(): D1Database {
    const found = databaseNamed(this.env, this.ctx.id.name ?? "");
    if (!found) throw new Error("a projector is named by the binding of its database");
    return found;
  }
}
