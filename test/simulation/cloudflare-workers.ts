/** Stands in for the platform's module of the same name where the objects run outside workerd: all that they take of it is this base. */
export class DurableObject<Bindings = Env> {
  protected readonly ctx: DurableObjectState;
  protected readonly env: Bindings;

  constructor(ctx: DurableObjectState, env: Bindings) {
    this.ctx = ctx;
    this.env = env;
  }
}
