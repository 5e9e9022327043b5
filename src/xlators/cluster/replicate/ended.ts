/** How long what is under way has to end when the graph stops. */
const ENDING_MS = 5000;

/** Waits until that has ended, but not for a brick that answers nothing: the locks go with its connection. */
export async function ended(ending: Promise<unknown>): Promise<void> {
  const { promise: waited, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ENDING_MS);
  await Promise.race([waited, ending]);
  clearTimeout(timer);
}
