/**
 * The answer, or a rejection once `ms` have passed: somebody who never answers must not keep an object from its other duties. What is given up
 * is not taken back: it may still happen, so only what may happen twice is called like this.
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
